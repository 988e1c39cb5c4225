"""Answers to open pages: only those that the guard admitted, and only for a short time."""

from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from sync_service.web.server import change_answers
from sync_service.web.server.change_answers import ADMITTED_SECONDS, OLDEST, ChangeAnswers

QUESTION = {"method": "GET", "path": "/changes", "raw_path": b"/changes", "query_string": b""}
COOKIE = {"cookie": "okr_sync=abc"}


class Feed:
    """Answers with a counter and a clock of the test."""

    def __init__(self) -> None:
        self.count = 7
        self.now = 100.0
        self.fails = False
        self.answers = ChangeAnswers(
            read=self.read, paths={b"/changes"}, headers=[(b"Cache-Control", b"no-store")], clock=lambda: self.now
        )

    def read(self) -> int:
        """Return the counter."""
        if self.fails:
            raise OperationalError("", None, Exception())
        return self.count

    def answer(self, scope: dict[str, Any] = QUESTION, **headers: str) -> tuple[int, bytes] | None:
        """Return the status and the body; None when the application must answer."""
        found = self.answers.answer(
            scope, {**COOKIE, **{name.replace("_", "-"): text for name, text in headers.items()}}
        )
        return None if found is None else (found.status, found.body)


@pytest.fixture
def feed() -> Feed:
    """Return a feed whose counter was just read, and whose cookie is admitted."""
    feed = Feed()
    feed.answers.refresh()
    feed.answers.note_response(QUESTION, COOKIE, 200)
    return feed


def test_an_admitted_page_is_answered_without_the_application(feed: Feed) -> None:
    """With the counter, or 304 when it has that one."""
    assert feed.answer() == (200, b'{"changes":7}\n')
    assert feed.answer(if_none_match='"7"') == (304, b"")
    feed.count = 8
    feed.answers.refresh()
    assert feed.answer(if_none_match='"7"') == (200, b'{"changes":8}\n')


@pytest.mark.parametrize("status", [302, 401, 403, 503])
def test_only_who_was_admitted_by_the_guard_is_answered(status: int) -> None:
    """A refusal admits nobody, and another cookie is another question."""
    feed = Feed()
    feed.answers.refresh()
    feed.answers.note_response(QUESTION, COOKIE, status)
    assert feed.answer() is None
    feed.answers.note_response(QUESTION, COOKIE, 304)
    assert feed.answer(cookie="okr_sync=other") is None
    assert feed.answer() is not None


def test_the_guard_is_asked_again_after_some_seconds(feed: Feed) -> None:
    """A session may have ended elsewhere."""
    feed.now += ADMITTED_SECONDS + 1
    feed.answers.refresh()
    assert feed.answer() is None


def test_whoever_changes_something_makes_everybody_ask_the_guard_again(feed: Feed) -> None:
    """They may have signed out, or removed somebody. Strangers can't do that."""
    stranger = {"cookie": "okr_sync=stranger"}
    feed.answers.note_response({**QUESTION, "method": "POST", "path": "/sign-in"}, stranger, 429)
    assert feed.answer() is not None
    feed.answers.note_response({**QUESTION, "method": "POST", "path": "/sign-out"}, COOKIE, 302)
    assert feed.answer() is None


def test_an_old_counter_is_not_an_answer(feed: Feed) -> None:
    """The database does not answer, or nobody asked for a while: the application says which."""
    feed.now += OLDEST + 0.1
    assert feed.answer() is None
    feed.fails = True
    feed.answers.refresh()
    assert feed.answer() is None


@pytest.mark.parametrize(
    "other",
    [{"method": "HEAD"}, {"method": "POST"}, {"raw_path": b"/other"}, {"query_string": b"x=1"}],
)
def test_anything_else_goes_to_the_application(feed: Feed, other: dict[str, Any]) -> None:
    """Only the plain question is answered here."""
    assert feed.answer({**QUESTION, **other}) is None


def test_the_stored_cookies_are_bounded(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten first."""
    monkeypatch.setattr(change_answers, "MOST_ADMITTED", 2)
    for number in range(2):
        feed.answers.note_response(QUESTION, {"cookie": str(number)}, 200)
    assert feed.answer() is None
    assert feed.answer(cookie="1") is not None
