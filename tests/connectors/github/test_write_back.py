"""Write-back on GitHub: one comment of ours, and GitHub's responses."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

from connectors.github import GitHub
from connectors.github.write_back.comment import is_by_app
from connectors.github.write_back.markdown import MOST_LINES, escaped, hidden_marker
from connectors.http import HttpClient
from sync_service.domain.trackers.connector import AppKey, Connection, Gone, Refused, Rejected, Unavailable
from sync_service.domain.trackers.write_back import Note, ServedKeyResult, WritesBack

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
SITE = "https://api.github.com"
WHOLE = f"{SITE}/repositories/8001/issues/12"
COMMENTS = f"{WHOLE}/comments"
ONE = f"{SITE}/repositories/8001/issues/comments"
TARGET: Mapping[str, Any] = {"identity": "8001#12", "key": "acme/checkout#12"}
MINE = {"id": 501, "login": "okr"}
MARK = "f00d"


def connection(**fields: Any) -> Connection:
    """Return a connection with write-back."""
    return Connection(**({"slug": "gh", "site": SITE, "token": "t", "owner_marker": MARK} | fields))


def note(count: int = 1, **fields: str) -> Note:
    """Return a note about this many key results."""
    plain: dict[str, Any] = {"title": "Ship", "url": "https://okr.example/key-results/KR-1", "objective": "Fast"}
    stands = {"value": "1", "target": "2", "progress": "50 %", "status": "on track"}
    return Note(tuple(ServedKeyResult(slug=f"KR-{number}", **(plain | stands | fields)) for number in range(count)))


def own_comment(number: int, *, user: Mapping[str, object] = MINE) -> dict[str, Any]:
    """Return a comment with our marker."""
    return {"id": number, "body": f"This counts\n{hidden_marker(MARK)}\n", "user": user}


@pytest.fixture
def github() -> Iterator[responses.RequestsMock]:
    """Yield a stub of GitHub; each prepared response must be requested."""
    with responses.RequestsMock() as mock:
        yield mock


def write(memory: str | None = None, *, force: bool = True, content: Note | None = None) -> str | None:
    """Write with a token."""
    return connector().write(connection(), **TARGET, note=content or note(), memory=memory, force=force)


def connector() -> GitHub:
    """Return a connector that does not sleep."""
    return GitHub(HttpClient(now=lambda: NOW), sleep=lambda _seconds: None)


def test_the_connector_supports_write_back() -> None:
    """It has the capability."""
    assert isinstance(connector(), WritesBack)
    assert connector().write_bucket(connection(), about="8001#12") == "token/core/writes"


def test_a_comment_with_a_stored_id_is_edited_with_one_call(github: responses.RequestsMock) -> None:
    """There is no search."""
    github.patch(f"{ONE}/7", json={"id": 7})
    assert write("7") == "7"
    body = json.loads(github.calls[0].request.body or "{}")["body"]
    assert body.endswith(hidden_marker(MARK))


def test_a_second_comment_of_ours_is_deleted(github: responses.RequestsMock) -> None:
    """Another worker may have been faster. The oldest stays, and all pages are read."""
    others = [{"id": number, "body": "Hm", "user": MINE} for number in range(100, 200)]
    github.get(COMMENTS, json=others)
    github.get(COMMENTS, json=[own_comment(7), own_comment(8), {"id": 9, "body": None}])
    github.get(f"{SITE}/user", json=MINE)
    github.delete(f"{ONE}/8", status=404)
    github.patch(f"{ONE}/7", json={"id": 7})
    assert write() == "7"


def test_another_user_s_copy_of_the_marker_is_not_ours(github: responses.RequestsMock) -> None:
    """It stays unchanged."""
    github.get(COMMENTS, json=[own_comment(7, user={"id": 666})])
    github.get(f"{SITE}/user", json=MINE)
    github.post(COMMENTS, json={"id": 8}, status=201)
    assert write() == "8"


def test_only_a_limited_number_of_pages_is_read(github: responses.RequestsMock) -> None:
    """A write has to end within its lease."""
    pages = [[{"id": 100 * page + number, "body": "Hm"} for number in range(100)] for page in range(5)]
    listed = [github.get(COMMENTS, json=page) for page in pages]
    github.post(COMMENTS, json={"id": 8}, status=201)
    assert write() == "8"
    assert [one.call_count for one in listed] == [1] * 5


def test_a_page_of_comments_that_comes_again_ends_the_search(github: responses.RequestsMock) -> None:
    """It shows nothing new."""
    listed = github.get(COMMENTS, json=[{"id": number, "body": "Hm"} for number in range(100)])
    github.post(COMMENTS, json={"id": 8}, status=201)
    assert write() == "8"
    assert listed.call_count == 2


def test_a_removed_comment_is_written_again_only_if_requested(github: responses.RequestsMock) -> None:
    """For a comment, 404 and 410 mean the same."""
    github.patch(f"{ONE}/7", status=404, json={})
    github.get(WHOLE, json={"id": 1, "number": 12})
    assert write("7", force=False) is None
    github.replace("PATCH", f"{ONE}/7", status=410, json={})
    github.post(COMMENTS, json={"id": 8}, status=201)
    assert write("7") == "8"


@pytest.mark.parametrize(("status", "proven"), [(403, False), (404, False), (410, True), (451, False)])
def test_a_comment_of_a_deleted_issue_does_not_count_as_removed(
    github: responses.RequestsMock,
    status: int,
    proven: bool,  # noqa: FBT001  a table's column
) -> None:
    """Otherwise the issue would get no comment if it became visible again."""
    github.patch(f"{ONE}/7", status=404, json={})
    github.get(WHOLE, status=status, json={"message": "This issue was deleted"} if proven else {})
    with pytest.raises(Gone) as caught:
        write("7")
    assert caught.value.proven is proven


def test_removing_a_note_that_was_never_written_writes_nothing(github: responses.RequestsMock) -> None:
    """There is only a search for it."""
    github.get(COMMENTS, json=[])
    assert connector().remove_note(connection(), **TARGET, memory=None) is None


def test_an_app_finds_its_comments_by_number_or_client_id() -> None:
    """Whichever the connection has."""
    comment = {"performed_via_github_app": {"id": 12, "client_id": "Iv1"}}
    for id_, known in (("12", True), ("Iv1", True), ("13", False)):
        assert is_by_app(comment, connection(token=None, app=AppKey(id_, "k"))) is known
    assert not is_by_app(comment, connection())


def refused(github: responses.RequestsMock, status: int, message: str, **headers: str) -> Exception:
    """Make GitHub refuse an edit and return the raised error."""
    github.patch(f"{ONE}/7", status=status, json={"message": message}, headers=headers)
    with pytest.raises((Unavailable, Refused, Rejected, Gone)) as caught:
        write("7")
    return caught.value


def test_a_content_creation_limit_blocks_writes_alone(github: responses.RequestsMock) -> None:
    """Another secondary limit holds for the whole credential."""
    blocked = "You have exceeded a secondary rate limit and have been temporarily blocked from content creation."
    error = refused(github, 403, blocked, **{"Retry-After": "72"})
    assert isinstance(error, Unavailable)
    assert (error.bucket, error.retry_at) == ("token/core/writes", NOW + timedelta(seconds=72))


def test_another_limit_blocks_the_credential(github: responses.RequestsMock) -> None:
    """It blocks reads too."""
    error = refused(github, 429, "You have exceeded a secondary rate limit.", **{"Retry-After": "60"})
    assert isinstance(error, Unavailable)
    assert error.bucket == "token"


def test_a_missing_permission_blocks_writes_and_is_named(github: responses.RequestsMock) -> None:
    """For an hour."""
    header = {"X-Accepted-GitHub-Permissions": "issues=write"}
    error = refused(github, 403, "Resource not accessible by integration", **header)
    assert isinstance(error, Unavailable)
    assert (error.bucket, error.retry_at) == ("token/core/writes", NOW + timedelta(hours=1))
    assert "issues=write" in str(error)


def test_unreadable_comments_block_writes_too(github: responses.RequestsMock) -> None:
    """Ours may be among them, and a second one must not be written."""
    github.get(COMMENTS, status=403, json={"message": "Resource not accessible by integration"})
    with pytest.raises(Unavailable) as caught:
        write()
    assert (caught.value.bucket, caught.value.retry_at) == ("token/core/writes", NOW + timedelta(hours=1))


def test_a_refusal_on_one_issue_is_about_that_issue_alone(github: responses.RequestsMock) -> None:
    """For example if its repository is archived."""
    error = refused(github, 403, "Repository was archived so is read-only.")
    assert isinstance(error, Rejected)
    assert "archived" in str(error)


def test_a_wrong_token_is_refused(github: responses.RequestsMock) -> None:
    """Reads would be refused, too."""
    assert isinstance(refused(github, 401, "Bad credentials"), Refused)


def test_a_connection_without_a_marker_can_not_write() -> None:
    """Write-back was never switched on."""
    with pytest.raises(Rejected, match="no mark"):
        connector().write(connection(owner_marker=None), **TARGET, note=note(), memory=None, force=True)


def test_a_comment_has_room_for_the_longest_note(github: responses.RequestsMock) -> None:
    """Further key results are counted."""
    github.patch(f"{ONE}/7", json={"id": 7})
    long = "@#|`" * 200
    write("7", content=note(MOST_LINES + 3, title=long, objective=long))
    body = json.loads(github.calls[0].request.body or "{}")["body"]
    assert len(body) < 65_536
    assert "and 3 more." in body


@pytest.mark.parametrize(
    "text",
    [
        "@mallory",
        "acme/x#1",
        "#12",
        "GH-3",
        "gh-3",
        "https://github.com/a/b/issues/1",
        "www.example.com",
        "a@b.example",
    ],
)
def test_escapes_prevent_links_and_mentions(text: str) -> None:
    """Even if GitHub searches the text after removing the escapes."""
    shown = escaped(text).replace("\\", "")
    assert text not in shown
    assert shown.replace("\u200b", "") == text
