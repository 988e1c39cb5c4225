"""Our comment on Jira issues: written once, edited in place, found again, and safe for any title."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses
from responses.matchers import query_param_matcher

from connectors.http import HttpClient
from connectors.jira import Jira
from connectors.jira.webhook.comment_text import plain_lines
from connectors.jira.write_back.markup import MOST_LINES, escaped
from sync_service.domain.rules.comment_commands import parse_lines
from sync_service.domain.trackers.connector import Connection, Rejected, Unavailable
from sync_service.domain.trackers.write_back import Note, ServedKeyResult

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SITE = "https://acme.atlassian.net"
CLOUD, SERVER = f"{SITE}/rest/api/3", f"{SITE}/rest/api/2"
ISSUE = "/issue/20012"
COMMENTS = f"{CLOUD}{ISSUE}/comment"
MARK = "f00dbeef"
HOME = f"https://okr.example#okr-sync-{MARK}"
ME: Mapping[str, Any] = {"accountId": "bot", "displayName": "OKR bot"}
PAGE = {"maxResults": "100", "orderBy": "-created"}
STANDS = "50 % (1 of 2), on track · Fast"


def connection(**options: Any) -> Connection:
    """Return a connection to Cloud with comments switched on."""
    chosen: dict[str, Any] = {"email": "a@b.c", "write_comments": True} | options
    hook = "https://okr.example/hooks/j"
    return Connection(slug="j", site=SITE, token="t", owner_marker=MARK, hook_url=hook, options=chosen)


def serving(slug: str = "KR-1", **fields: Any) -> ServedKeyResult:
    """Return a key result that the issue serves."""
    plain: dict[str, Any] = {"title": "Ship", "url": f"https://okr.example/key-results/{slug}", "objective": "Fast"}
    stands = {"value": "1", "target": "2", "progress": "50 %", "status": "on track"}
    return ServedKeyResult(slug=slug, **(plain | stands | fields))


@pytest.fixture
def jira() -> Iterator[responses.RequestsMock]:
    """Yield a stub of Jira that accepts links; each other response must be requested."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for base in (CLOUD, SERVER):
            mock.get(f"{base}{ISSUE}/remotelink", json=[])
            mock.post(f"{base}{ISSUE}/remotelink", json={"id": 1}, status=201)
            mock.get(f"{base}/myself", json=ME)
        yield mock


def write(*serves: ServedKeyResult, memory: Any = None, force: bool = True, **options: Any) -> Any:
    """Write and return the new memory."""
    note, before = Note(serves or (serving(),)), None if memory is None else json.dumps(memory)
    kept = Jira(HttpClient(now=lambda: NOW)).write(
        connection(**options), identity="20012", key="SHOP-12", note=note, memory=before, force=force
    )
    return None if kept is None else json.loads(kept)


def remove_note(*, memory: Any = None, **options: Any) -> Any:
    """Remove the note and return the new memory."""
    before = None if memory is None else json.dumps(memory)
    target = {"identity": "20012", "key": "SHOP-12"}
    kept = Jira(HttpClient(now=lambda: NOW)).remove_note(connection(**options), **target, memory=before)
    return None if kept is None else json.loads(kept)


def sent(jira: responses.RequestsMock, method: str) -> list[Any]:
    """Return the comments that were sent with this method."""
    calls = (call.request for call in jira.calls)
    about = (one for one in calls if one.method == method and "/comment" in str(one.url))
    return [json.loads(one.body or b"{}")["body"] for one in about]


def listed(*comments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a page of comments."""
    return {"startAt": 0, "maxResults": 100, "total": len(comments), "comments": list(comments)}


def comment(id_: str, author: str = "bot", body: Any = f"x {HOME}") -> dict[str, Any]:
    """Return a comment as in a list."""
    return {"id": id_, "author": {"accountId": author}, "body": body}


def words_of(node: Any) -> str:
    """Return the text of a document."""
    return node.get("text") or "".join(words_of(one) for one in node["content"])


def test_no_comment_is_written_unless_it_is_switched_on(jira: responses.RequestsMock) -> None:
    """Links are written."""
    assert write(write_comments=False) == {"links": ["KR-1"]}
    assert [str(call.request.url).rpartition("/")[2] for call in jira.calls] == ["remotelink", "remotelink"]


def test_cloud_gets_a_document(jira: responses.RequestsMock) -> None:
    """It links each key result, and us."""
    jira.get(COMMENTS, json=listed())
    jira.post(COMMENTS, json={"id": "700"}, status=201)
    assert write(serving(), serving("KR-2")) == {"links": ["KR-1", "KR-2"], "comment": "700"}
    (body,) = sent(jira, "POST")
    assert [one["type"] for one in body["content"]] == ["paragraph", "bulletList", "paragraph"]
    lines = [words_of(one) for one in body["content"][1]["content"]]
    assert lines == [f"KR-1 Ship {STANDS}", f"KR-2 Ship {STANDS}"]
    assert words_of(body["content"][0]) == "This counts toward 2 key results:"
    assert '"href": "https://okr.example/key-results/KR-2"' in json.dumps(body)
    assert f'"href": "{HOME}"' in json.dumps(body)


def test_data_center_gets_wiki_markup(jira: responses.RequestsMock) -> None:
    """With the same content."""
    address = f"{SERVER}{ISSUE}/comment"
    jira.get(address, json=listed())
    jira.post(address, json={"id": 700}, status=201)
    assert write(email="") == {"links": ["KR-1"], "comment": "700"}
    (body,) = sent(jira, "POST")
    assert body.split("\n\n") == [
        "This counts toward a key result:",
        r"* [KR\-1 Ship|https://okr.example/key-results/KR-1] 50 \% \(1 of 2\), on track · Fast",
        f"Kept up to date by [OKR Sync|{HOME}]: edited in place, at most once an hour while only numbers change.",
    ]


def test_a_comment_is_edited_in_place_without_notification(jira: responses.RequestsMock) -> None:
    """By the stored id, without a search."""
    quietly = query_param_matcher({"notifyUsers": "false"})
    jira.put(f"{COMMENTS}/700", json={"id": "700"}, match=[quietly])
    assert write(memory={"links": ["KR-1"], "comment": "700"}, force=False)["comment"] == "700"
    assert len(sent(jira, "PUT")) == 1


@pytest.mark.parametrize("removal", [204, 404, 403])
def test_an_unknown_comment_is_found_by_its_marker(jira: responses.RequestsMock, removal: int) -> None:
    """The oldest by our account stays, and others are deleted if permitted. A copy by another user stays."""
    others = [comment(str(number), body="no mark") for number in range(1, 101)]
    jira.get(COMMENTS, json=listed(*others), match=[query_param_matcher({**PAGE, "startAt": "0"})])
    marked = [comment("703"), comment("702", body={"type": "doc", "x": [HOME]}), comment("701", author="mallory")]
    jira.get(COMMENTS, json=listed(*marked), match=[query_param_matcher({**PAGE, "startAt": "100"})])
    jira.put(f"{COMMENTS}/702", json={"id": "702"})
    jira.delete(f"{COMMENTS}/703", status=removal)
    assert write()["comment"] == "702"
    assert sent(jira, "POST") == []
    jira.assert_call_count(f"{COMMENTS}/703", 1)


def test_a_rate_limit_while_deleting_a_duplicate_is_retried(jira: responses.RequestsMock) -> None:
    """Otherwise the duplicate would stay for ever."""
    jira.get(COMMENTS, json=listed(comment("703"), comment("702")))
    jira.delete(f"{COMMENTS}/703", status=429, headers={"Retry-After": "60"})
    with pytest.raises(Unavailable) as caught:
        write()
    assert caught.value.bucket != "writing/20012"


def test_a_removed_comment_is_written_again_only_if_requested(jira: responses.RequestsMock) -> None:
    """Links are still updated. The result says if those were removed too."""
    jira.put(f"{COMMENTS}/700", status=404, json={})
    before = {"links": ["KR-1"], "comment": "700"}
    jira.get(COMMENTS, json=listed())
    assert write(memory={**before, "links": []}, force=False) == {"links": ["KR-1"], "comment": ""}
    assert write(memory={"links": [], "comment": ""}, force=False) == {"links": ["KR-1"], "comment": ""}
    assert write(memory=before, force=False) is None
    assert sent(jira, "POST") == []
    jira.post(COMMENTS, json={"id": "800"}, status=201)
    assert write(memory=before)["comment"] == "800"
    assert write(memory={"links": ["KR-1"], "comment": ""})["comment"] == "800"


def test_a_comment_is_independent_of_removed_links(jira: responses.RequestsMock) -> None:
    """Each may be removed by itself."""
    jira.put(f"{COMMENTS}/700", json={"id": "700"})
    assert write(memory={"links": ["KR-1"], "comment": "700"}, force=False) == {"links": ["KR-1"], "comment": "700"}


def test_a_comment_is_written_when_it_is_switched_on_later(jira: responses.RequestsMock) -> None:
    """Even if the issue's key results did not change."""
    jira.get(COMMENTS, json=listed())
    jira.post(COMMENTS, json={"id": "700"}, status=201)
    assert write(memory={"links": ["KR-1"]}, force=False)["comment"] == "700"
    versions = [Jira().format_version(connection(write_comments=on)) for on in (True, False)]
    assert Note((serving(),)).digest(versions[0]) != Note((serving(),)).digest(versions[1])


def test_a_comment_says_so_when_it_is_switched_off(jira: responses.RequestsMock) -> None:
    """After that it is not changed any more."""
    jira.put(f"{COMMENTS}/700", json={"id": "700"})
    memory = {"links": [], "comment": "700"}
    assert write(memory=memory, force=False, write_comments=False) == {"links": ["KR-1"]}
    (body,) = sent(jira, "PUT")
    assert words_of(body).startswith("The links of this issue say what it counts toward")
    assert remove_note(memory={"links": ["KR-1"], "comment": "700"}, write_comments=False) is None
    assert words_of(sent(jira, "PUT")[1]).startswith("This counts toward no key result any more.")


def test_a_removal_is_stored_while_comments_are_switched_off(jira: responses.RequestsMock) -> None:
    """The person who removed it did so on purpose."""
    gone = {"links": [], "comment": ""}
    assert write(memory=gone, force=False, write_comments=False) == {"links": ["KR-1"], "comment": ""}
    assert sent(jira, "PUT") == []


def test_the_comment_of_an_issue_without_key_results_says_so(jira: responses.RequestsMock) -> None:
    """Also if our memory is lost. An issue that never had a comment gets none."""
    jira.put(f"{COMMENTS}/700", json={"id": "700"})
    assert remove_note(memory={"links": ["KR-1"], "comment": "700"}) == {"links": [], "comment": "700"}
    jira.get(COMMENTS, json=listed(comment("700")))
    assert remove_note() == {"links": [], "comment": "700"}
    assert {words_of(one)[:42] for one in sent(jira, "PUT")} == {"This counts toward no key result any more."}
    assert remove_note(memory={"links": ["KR-1"], "comment": ""}) == {"links": [], "comment": ""}
    assert remove_note(memory={"links": ["KR-1"]}, write_comments=False) is None
    jira.replace("GET", COMMENTS, json=listed())
    assert remove_note() is None
    assert len(sent(jira, "PUT")) == 2


@pytest.mark.parametrize("status", [400, 403])
def test_without_comment_permission_the_issue_waits_and_its_links_stay(
    jira: responses.RequestsMock, status: int
) -> None:
    """Jira sends 400 for that."""
    jira.get(COMMENTS, json=listed())
    jira.post(COMMENTS, status=status, json={"errorMessages": ["You may not."]})
    with pytest.raises(Unavailable, match=r"Add comments.*You may not\.") as caught:
        write()
    assert (caught.value.bucket, caught.value.retry_at) == ("writing/20012", NOW + timedelta(hours=1))
    assert [call.request.method for call in jira.calls][:2] == ["GET", "POST"]


def test_an_issue_with_too_many_comments_is_rejected(jira: responses.RequestsMock) -> None:
    """The error is about this issue alone. A response without an id is rejected too."""
    jira.get(COMMENTS, json=listed())
    jira.post(COMMENTS, status=413, json={"errorMessages": ["Too many."]})
    with pytest.raises(Rejected):
        write()
    jira.replace("POST", COMMENTS, status=201, json={})
    with pytest.raises(Rejected, match="the comment's id"):
        write()


def test_the_number_of_lines_is_limited(jira: responses.RequestsMock) -> None:
    """The size of a comment and of each line is limited too."""
    address = f"{SERVER}{ISSUE}/comment"
    for where in (COMMENTS, address):
        jira.get(where, json=listed())
        jira.post(where, json={"id": "700"}, status=201)
    many = [serving(f"KR-{number}", title="[x" * 5000) for number in range(MOST_LINES + 5)]
    write(*many)
    write(*many, email="")
    document, wiki = sent(jira, "POST")
    assert len(document["content"][1]["content"]) == MOST_LINES
    assert words_of(document["content"][2]) == "and 5 more."
    assert "\n\nand 5 more.\n\n" in wiki
    assert len(wiki) < 32_767


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a*b_c", r"a\*b\_c"),
        ("{code}", r"\{code\}"),
        ("[~ana]", r"\[\~ana\]"),
        ("!x.png!", r"\!x.png\!"),
        ("SHOP-1", r"SHOP\-1"),
        ("a|b", r"a\|b"),
        ("(!)", r"\(\!\)"),
        (":)", ":\u200b\\)"),
        ("a\\\\b", "a\\\u200b\\\u200bb"),
        ("WWW.x", "WWW.\u200bx"),
        ("Größe 5", "Größe 5"),
    ],
)
def test_text_is_escaped_in_wiki_markup(text: str, shown: str) -> None:
    """By a backslash if that works, otherwise by a zero-width space."""
    assert escaped(text) == shown


def test_our_own_comment_has_no_commands(jira: responses.RequestsMock) -> None:
    """A title that looks like a command has no line of its own, so our comment creates no link."""
    address = f"{SERVER}{ISSUE}/comment"
    for where in (COMMENTS, address):
        jira.get(where, json=listed())
        jira.post(where, json={"id": "700"}, status=201)
    hostile = serving(
        "KR-1", title="x\n/okr KR-2\r\n/okr KR-3", objective="\n\n/okr KR-4\n", url="https://o.example/a|b]c"
    )
    write(hostile)
    write(hostile, email="")
    for body in sent(jira, "POST"):
        assert parse_lines(plain_lines(body)) is None
    assert "https://o.example/a%7Cb%5Dc" in sent(jira, "POST")[1]
