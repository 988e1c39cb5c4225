"""One comment of ours on GitHub, whatever was there before, and what GitHub says to it."""

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
PLACE: Mapping[str, Any] = {"identity": "8001#12", "key": "acme/checkout#12"}
MINE = {"id": 501, "login": "okr"}
MARK = "f00d"


def connection(**fields: Any) -> Connection:
    """Give a connection that is written to."""
    return Connection(**({"slug": "gh", "site": SITE, "token": "t", "owner_marker": MARK} | fields))


def note(count: int = 1, **fields: str) -> Note:
    """Give a note about so many key results."""
    plain: dict[str, Any] = {"title": "Ship", "url": "https://okr.example/key-results/KR-1", "objective": "Fast"}
    stands = {"value": "1", "target": "2", "progress": "50 %", "status": "on track"}
    return Note(tuple(ServedKeyResult(slug=f"KR-{number}", **(plain | stands | fields)) for number in range(count)))


def ours(number: int, *, user: Mapping[str, object] = MINE) -> dict[str, Any]:
    """Give a comment that bears our mark."""
    return {"id": number, "body": f"This counts\n{hidden_marker(MARK)}\n", "user": user}


@pytest.fixture
def github() -> Iterator[responses.RequestsMock]:
    """Stand in for GitHub; each answer is asked for."""
    with responses.RequestsMock() as mock:
        yield mock


def write(memory: str | None = None, *, force: bool = True, said: Note | None = None) -> str | None:
    """Write with a token."""
    return connector().write(connection(), **PLACE, note=said or note(), memory=memory, force=force)


def connector() -> GitHub:
    """Give a connector that does not sleep."""
    return GitHub(HttpClient(now=lambda: NOW), sleep=lambda _seconds: None)


def test_the_connector_can_write_back() -> None:
    """As an ability of its own."""
    assert isinstance(connector(), WritesBack)
    assert connector().write_bucket(connection(), about="8001#12") == "token/core/writes"


def test_what_is_remembered_is_edited_with_one_call(github: responses.RequestsMock) -> None:
    """Nothing is looked for."""
    github.patch(f"{ONE}/7", json={"id": 7})
    assert write("7") == "7"
    body = json.loads(github.calls[0].request.body or "{}")["body"]
    assert body.endswith(hidden_marker(MARK))


def test_a_second_comment_of_ours_is_removed_though_somebody_was_faster(github: responses.RequestsMock) -> None:
    """The oldest stays; pages are gone through until they end."""
    others = [{"id": number, "body": "Hm", "user": MINE} for number in range(100, 200)]
    github.get(COMMENTS, json=others)
    github.get(COMMENTS, json=[ours(7), ours(8), {"id": 9, "body": None}])
    github.get(f"{SITE}/user", json=MINE)
    github.delete(f"{ONE}/8", status=404)
    github.patch(f"{ONE}/7", json={"id": 7})
    assert write() == "7"


def test_a_strangers_copy_of_the_mark_is_not_ours(github: responses.RequestsMock) -> None:
    """It is left alone."""
    github.get(COMMENTS, json=[ours(7, user={"id": 666})])
    github.get(f"{SITE}/user", json=MINE)
    github.post(COMMENTS, json={"id": 8}, status=201)
    assert write() == "8"


def test_no_more_than_some_pages_are_gone_through(github: responses.RequestsMock) -> None:
    """A write has to end within its lease."""
    full = [{"id": number, "body": "Hm"} for number in range(1, 101)]
    listed = github.get(COMMENTS, json=full)
    github.post(COMMENTS, json={"id": 8}, status=201)
    assert write() == "8"
    assert listed.call_count == 5


def test_what_was_taken_away_is_made_again_only_afresh(github: responses.RequestsMock) -> None:
    """404 and 410 mean the same of a comment."""
    github.patch(f"{ONE}/7", status=404, json={})
    github.get(WHOLE, json={"id": 1, "number": 12})
    assert write("7", force=False) is None
    github.replace("PATCH", f"{ONE}/7", status=410, json={})
    github.post(COMMENTS, json={"id": 8}, status=201)
    assert write("7") == "8"


@pytest.mark.parametrize(("status", "proven"), [(403, False), (404, False), (410, True)])
def test_a_comment_of_an_issue_that_is_gone_was_not_taken_away(
    github: responses.RequestsMock,
    status: int,
    proven: bool,  # noqa: FBT001  a table's column
) -> None:
    """Else nothing would be written there, were the issue shown again."""
    github.patch(f"{ONE}/7", status=404, json={})
    github.get(WHOLE, status=status, json={})
    with pytest.raises(Gone) as caught:
        write("7")
    assert caught.value.proven is proven


def test_unwriting_where_nothing_was_written_writes_nothing(github: responses.RequestsMock) -> None:
    """Only a look for it is made."""
    github.get(COMMENTS, json=[])
    assert connector().remove_note(connection(), **PLACE, memory=None) is None


def test_an_app_knows_its_comments_by_its_number_or_client_id() -> None:
    """Whichever of them the connection has."""
    comment = {"performed_via_github_app": {"id": 12, "client_id": "Iv1"}}
    for id_, known in (("12", True), ("Iv1", True), ("13", False)):
        assert is_by_app(comment, connection(token=None, app=AppKey(id_, "k"))) is known
    assert not is_by_app(comment, connection())


def refused(github: responses.RequestsMock, status: int, message: str, **headers: str) -> Exception:
    """Let GitHub refuse an edit, and give what that raises."""
    github.patch(f"{ONE}/7", status=status, json={"message": message}, headers=headers)
    with pytest.raises((Unavailable, Refused, Rejected, Gone)) as caught:
        write("7")
    return caught.value


def test_a_block_of_writes_holds_for_writes_alone(github: responses.RequestsMock) -> None:
    """Another secondary limit holds for the whole credential."""
    blocked = "You have exceeded a secondary rate limit and have been temporarily blocked from content creation."
    error = refused(github, 403, blocked, **{"Retry-After": "72"})
    assert isinstance(error, Unavailable)
    assert (error.bucket, error.retry_at) == ("token/core/writes", NOW + timedelta(seconds=72))


def test_another_limit_holds_for_the_credential(github: responses.RequestsMock) -> None:
    """Reading waits too."""
    error = refused(github, 429, "You have exceeded a secondary rate limit.", **{"Retry-After": "60"})
    assert isinstance(error, Unavailable)
    assert error.bucket == "token"


def test_a_missing_permission_lets_writes_wait_and_names_it(github: responses.RequestsMock) -> None:
    """For an hour."""
    header = {"X-Accepted-GitHub-Permissions": "issues=write"}
    error = refused(github, 403, "Resource not accessible by integration", **header)
    assert isinstance(error, Unavailable)
    assert (error.bucket, error.retry_at) == ("token/core/writes", NOW + timedelta(hours=1))
    assert "issues=write" in str(error)


def test_comments_that_may_not_be_read_let_writes_wait_too(github: responses.RequestsMock) -> None:
    """Ours may be among them, and a second one must not be made."""
    github.get(COMMENTS, status=403, json={"message": "Resource not accessible by integration"})
    with pytest.raises(Unavailable) as caught:
        write()
    assert (caught.value.bucket, caught.value.retry_at) == ("token/core/writes", NOW + timedelta(hours=1))


def test_what_is_not_permitted_on_one_issue_is_about_it_alone(github: responses.RequestsMock) -> None:
    """As where its repository is archived."""
    error = refused(github, 403, "Repository was archived so is read-only.")
    assert isinstance(error, Rejected)
    assert "archived" in str(error)


def test_a_wrong_token_is_refused_as_ever(github: responses.RequestsMock) -> None:
    """Reading would be, too."""
    assert isinstance(refused(github, 401, "Bad credentials"), Refused)


def test_a_connection_that_was_never_switched_on_can_not_write() -> None:
    """It has no mark."""
    with pytest.raises(Rejected, match="no mark"):
        connector().write(connection(owner_marker=None), **PLACE, note=note(), memory=None, force=True)


def test_a_comment_has_room_for_the_longest_note(github: responses.RequestsMock) -> None:
    """Key results beyond are counted."""
    github.patch(f"{ONE}/7", json={"id": 7})
    long = "@#|`" * 200
    write("7", said=note(MOST_LINES + 3, title=long, objective=long))
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
def test_nothing_that_would_be_linked_or_told_stays_whole(text: str) -> None:
    """Even where GitHub looks for it after the escapes are gone."""
    shown = escaped(text).replace("\\", "")
    assert text not in shown
    assert shown.replace("\u200b", "") == text
