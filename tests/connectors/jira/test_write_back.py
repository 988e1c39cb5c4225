"""Write-back on Jira: our remote links, and Jira's responses."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from connectors.http import HttpClient
from connectors.jira import Jira
from connectors.jira.write_back.remote_links import MOST_LINKS
from sync_service.domain.trackers.connector import Connection, Gone, Refused, Rejected, Unavailable
from sync_service.domain.trackers.write_back import Note, ServedKeyResult, WritesBack

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SITE = "https://acme.atlassian.net"
CLOUD = f"{SITE}/rest/api/3/issue/20012/remotelink"
SERVER = f"{SITE}/rest/api/2/issue/20012/remotelink"
TARGET: Mapping[str, Any] = {"identity": "20012", "key": "SHOP-12"}
MARK = "f00d"


def connection(**fields: Any) -> Connection:
    """Return a connection to Cloud with write-back."""
    plain: dict[str, Any] = {
        "slug": "j",
        "site": SITE,
        "token": "t",
        "owner_marker": MARK,
        "options": {"email": "a@b.c"},
    }
    return Connection(**({"owner_marker": MARK} | plain | fields))


def serving(slug: str = "KR-1", **fields: Any) -> ServedKeyResult:
    """Return a key result that the issue serves."""
    plain: dict[str, Any] = {"title": "Ship", "url": f"https://okr.example/key-results/{slug}", "objective": "Fast"}
    stands = {"value": "1", "target": "2", "progress": "50 %", "status": "on track"}
    return ServedKeyResult(slug=slug, **(plain | stands | fields))


def link(slug: str = "KR-1", **fields: Any) -> dict[str, Any]:
    """Return our link as it is sent."""
    url = f"https://okr.example/key-results/{slug}"
    shown = {
        "url": url,
        "title": f"{slug} Ship",
        "summary": "50 % (1 of 2), on track · Fast",
        "icon": {"title": "Key result"},
        "status": {"resolved": False, "icon": {"title": "on track", "link": url}},
    }
    return {
        "globalId": f"okr-sync/{MARK}/{slug}",
        "application": {"type": "okr-sync", "name": "OKR Sync"},
        "relationship": "counts toward",
        "object": shown | fields,
    }


@pytest.fixture
def jira() -> Iterator[responses.RequestsMock]:
    """Yield a stub of Jira; each prepared response must be requested."""
    with responses.RequestsMock() as mock:
        yield mock


def connector() -> Jira:
    """Return the connector at noon."""
    return Jira(HttpClient(now=lambda: NOW))


def write(*serves: ServedKeyResult, memory: str | None = None, force: bool = True, **by: Any) -> str | None:
    """Write a note."""
    note = Note(serves or (serving(),))
    return connector().write(connection(**by), **TARGET, note=note, memory=memory, force=force)


def memory(*slugs: str) -> str:
    """Return the memory of these links."""
    return json.dumps({"links": slugs})


def sent(jira: responses.RequestsMock, method: str) -> list[Any]:
    """Return the bodies of the calls with this method."""
    return [json.loads(call.request.body or b"") for call in jira.calls if call.request.method == method]


def test_the_connector_supports_write_back() -> None:
    """It has the capability, and its writes run one at a time."""
    assert isinstance(connector(), WritesBack)
    assert connector().write_bucket(connection(), about="20012") == "writing"


@pytest.mark.parametrize(("options", "address"), [({"email": "a@b.c"}, CLOUD), ({}, SERVER)])
def test_a_link_is_sent_with_all_fields(jira: responses.RequestsMock, options: Mapping[str, str], address: str) -> None:
    """On Cloud and Data Center a missing field would become empty."""
    jira.get(address, json=[])
    jira.post(address, json={"id": 10000}, status=201)
    assert write(options=options) == '{"links": ["KR-1"]}'
    assert sent(jira, "POST") == [link()]


def test_unchanged_links_are_not_sent_and_obsolete_ones_are_removed(jira: responses.RequestsMock) -> None:
    """Links of others, and of other connections, stay."""
    theirs = [{"globalId": "okr-sync/beef/KR-9"}, {"globalId": None}, {"id": 7}, {"globalId": "system=x"}]
    jira.get(CLOUD, json=[*theirs, link("KR-1"), link("KR 3&x"), link("KR-2", summary="40 % (1 of 2)")])
    jira.post(CLOUD, json={"id": 10000}, status=200)
    jira.delete(CLOUD, status=204)
    assert write(serving("KR-1"), serving("KR-2"), memory=memory("KR-1")) == memory("KR-1", "KR-2")
    assert sent(jira, "POST") == [link("KR-2")]
    (removed,) = (str(call.request.url) for call in jira.calls if call.request.method == "DELETE")
    assert "&x" not in removed
    assert parse_qs(urlsplit(removed).query) == {"globalId": ["okr-sync/f00d/KR 3&x"]}


@pytest.mark.parametrize("bucket", ["title", "url", "summary"])
def test_a_link_that_differs_in_any_field_is_sent(jira: responses.RequestsMock, bucket: str) -> None:
    """Also one that must now be struck out, or has another count."""
    jira.get(CLOUD, json=[link(**{bucket: "https://elsewhere.example"})])
    jira.post(CLOUD, json={"id": 10000})
    write()
    assert sent(jira, "POST") == [link()]


def test_a_completed_key_result_is_struck_out(jira: responses.RequestsMock) -> None:
    """Jira does that if the link's status is resolved."""
    jira.get(CLOUD, json=[{**link(), "relationship": "else"}])
    jira.post(CLOUD, json={"id": 10000})
    write(serving(status="completed", completed=True))
    (body,) = sent(jira, "POST")
    assert body["object"]["status"]["resolved"] is True


def test_a_removed_link_is_written_again_only_if_requested(jira: responses.RequestsMock) -> None:
    """Other links are updated. If none is left, the result says so."""
    both = (serving("KR-1"), serving("KR-2"))
    jira.get(CLOUD, json=[link("KR-2", title="old")])
    jira.post(CLOUD, json={"id": 10000})
    assert write(*both, memory=memory("KR-1", "KR-2"), force=False) == memory("KR-1", "KR-2")
    assert sent(jira, "POST") == [link("KR-2")]
    jira.replace("GET", CLOUD, json=[])
    assert write(*both, memory=memory("KR-1", "KR-2"), force=False) is None
    assert write(*both, force=False) is None
    assert len(sent(jira, "POST")) == 1
    write(*both, memory=memory("KR-1", "KR-2"))
    assert len(sent(jira, "POST")) == 3


def test_the_number_of_links_and_their_texts_are_limited(jira: responses.RequestsMock) -> None:
    """Jira limits the writes to an issue and the characters."""
    jira.get(CLOUD, json=[])
    jira.post(CLOUD, json={"id": 10000}, status=201)
    write(*(serving(f"KR-{number}", title="<b>" * 200) for number in range(MOST_LINKS + 5)))
    bodies = sent(jira, "POST")
    assert len(bodies) == MOST_LINKS
    assert {len(body["object"]["title"]) for body in bodies} == {255}


def test_removing_a_note_removes_all_our_links(jira: responses.RequestsMock) -> None:
    """Even those that another worker has written."""
    jira.get(CLOUD, json=[link("KR-1"), link("KR-2"), {"globalId": "system=x"}])
    jira.delete(CLOUD, status=404)
    assert connector().remove_note(connection(), **TARGET, memory=None) is None
    assert len([call for call in jira.calls if call.request.method == "DELETE"]) == 2


def refused(jira: responses.RequestsMock, status: int, message: str = "No", **headers: str) -> Exception:
    """Make Jira refuse a link and return the raised error."""
    jira.get(CLOUD, json=[])
    jira.post(CLOUD, status=status, json={"errorMessages": [message]}, headers=headers)
    with pytest.raises((Unavailable, Refused, Rejected, Gone)) as caught:
        write()
    return caught.value


def test_a_missing_permission_blocks_the_issue_and_is_named(jira: responses.RequestsMock) -> None:
    """For an hour; other issues continue."""
    error = refused(jira, 403, "No Link Issue Permission for issue.")
    assert isinstance(error, Unavailable)
    assert (error.bucket, error.retry_at) == ("writing/20012", NOW + timedelta(hours=1))
    assert "Link issues" in str(error)


def test_credentials_that_may_only_read_block_all_writes(jira: responses.RequestsMock) -> None:
    """The connection is not refused, because reading the same was permitted just before."""
    error = refused(jira, 401, "Unauthorized; scope does not match")
    assert isinstance(error, Unavailable)
    assert (error.bucket, error.retry_at) == ("writing", NOW + timedelta(hours=1))
    assert "write:jira-work" in str(error)


def test_credentials_that_may_not_read_either_are_refused(jira: responses.RequestsMock) -> None:
    """As for every other call. If linking is switched off at the site, writes wait."""
    jira.get(CLOUD, status=401, json={})
    with pytest.raises(Refused):
        write()
    jira.replace("GET", CLOUD, status=403, json={"errorMessages": ["Issue linking is disabled."]})
    with pytest.raises(Unavailable, match="disabled") as caught:
        write()
    assert caught.value.bucket == "writing/20012"


@pytest.mark.parametrize(("status", "kind"), [(404, Gone), (413, Rejected), (400, Rejected)])
def test_an_error_of_the_issue_is_about_that_issue_alone(
    jira: responses.RequestsMock, status: int, kind: type[Exception]
) -> None:
    """Deleted, hidden, or with too many links."""
    assert isinstance(refused(jira, status), kind)


@pytest.mark.parametrize(
    ("reason", "bucket"),
    [("jira-per-issue-on-write", "writing/20012"), ("jira-burst-based", "writing"), ("jira-quota-tenant-based", "")],
)
def test_rate_limits_block_their_bucket(jira: responses.RequestsMock, reason: str, bucket: str) -> None:
    """An issue, all writes, or everything, for the time that Jira sends."""
    error = refused(jira, 429, **{"RateLimit-Reason": reason, "Retry-After": "30"})
    assert isinstance(error, Unavailable)
    assert (error.bucket, error.retry_at) == (bucket, NOW + timedelta(seconds=30))


def test_nothing_is_written_without_a_marker_or_with_an_invalid_key() -> None:
    """Switching write-back on creates the marker."""
    with pytest.raises(Rejected, match="no owner marker"):
        write(owner_marker=None)
    with pytest.raises(Rejected, match="is not the id"):
        connector().remove_note(connection(), identity="../x", key="SHOP-1", memory=None)
