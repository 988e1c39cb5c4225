"""Notices: which changes are worth a mail."""

from dataclasses import replace

import pytest

from sync_service.domain.measures.status import Status
from sync_service.domain.people.notices import (
    Change,
    KeyResultState,
    NoticeKind,
    WaitingNotice,
    absorb,
    choose_for_mail,
    kind_of,
)
from sync_service.domain.trackers.causes import Cause

CLOSED = Cause(what="closed as done", issue="a#1", delivery="d1")
REOPENED = Cause(what="reopened", issue="a#1", delivery="d2", reopened=True)
PROPOSED = Cause(what="reopened", issue="a#1", delivery="d3", reopened=True, proposed=True)


def state(status: Status, progress: float | None) -> KeyResultState:
    """Return the state of a key result from 0 to 100."""
    return KeyResultState(status, None if progress is None else progress * 100, progress)


NO_DATA = state(Status.NO_DATA, None)
ON_TRACK, MORE = state(Status.ON_TRACK, 0.5), state(Status.ON_TRACK, 0.6)
AT_RISK, BEHIND = state(Status.AT_RISK, 0.4), state(Status.BEHIND, 0.2)
COMPLETED, PARTIAL = state(Status.COMPLETED, 1.0), state(Status.PARTIAL, 0.5)
ENDED = state(Status.CLOSED, 0.5)


@pytest.mark.parametrize(
    ("before", "after", "cause", "expected"),
    [
        (ON_TRACK, MORE, CLOSED, None),
        (ON_TRACK, AT_RISK, CLOSED, NoticeKind.STATUS_CHANGED),
        (AT_RISK, ON_TRACK, CLOSED, NoticeKind.STATUS_CHANGED),
        (ON_TRACK, COMPLETED, CLOSED, NoticeKind.COMPLETED),
        (NO_DATA, COMPLETED, CLOSED, NoticeKind.COMPLETED),
        (NO_DATA, BEHIND, CLOSED, None),
        (ON_TRACK, NO_DATA, CLOSED, NoticeKind.STATUS_CHANGED),
        (COMPLETED, ON_TRACK, CLOSED, NoticeKind.FELL_BACK),
        (MORE, ON_TRACK, REOPENED, NoticeKind.FELL_BACK),
        (MORE, ON_TRACK, CLOSED, None),
        (ON_TRACK, BEHIND, REOPENED, NoticeKind.FELL_BACK),
        (PARTIAL, COMPLETED, CLOSED, None),
        (ON_TRACK, PARTIAL, REOPENED, None),
        (ON_TRACK, ENDED, CLOSED, None),
        (ON_TRACK, ON_TRACK, PROPOSED, NoticeKind.PROPOSED),
        (NO_DATA, NO_DATA, PROPOSED, NoticeKind.PROPOSED),
        (ON_TRACK, AT_RISK, PROPOSED, NoticeKind.STATUS_CHANGED),
        (MORE, ON_TRACK, PROPOSED, NoticeKind.PROPOSED),
        (PARTIAL, PARTIAL, PROPOSED, None),
        (ENDED, ENDED, PROPOSED, None),
    ],
)
def test_kind_of_change(
    before: KeyResultState, after: KeyResultState, cause: Cause, expected: NoticeKind | None
) -> None:
    """Only a change that needs a person is sent at once."""
    assert kind_of(Change(before, after, (cause,))) is expected


def test_only_what_is_proposed_now_stays_in_a_notice() -> None:
    """A proposal that is superseded or gone leaves nothing behind; without one nothing is left to report."""
    waiting = Change(ON_TRACK, ON_TRACK, (PROPOSED,))
    later = replace(PROPOSED, issue="a#2")
    assert absorb(waiting, Change(ON_TRACK, ON_TRACK, (later,))) == Change(ON_TRACK, ON_TRACK, (later,))
    assert absorb(waiting, Change(ON_TRACK, ON_TRACK, ())) is None
    assert absorb(waiting, Change(ON_TRACK, AT_RISK, (CLOSED,))) == Change(ON_TRACK, AT_RISK, (CLOSED,))


def test_a_later_change_is_absorbed_with_its_causes() -> None:
    """One notice tells the change from the first state to the last."""
    waiting = absorb(None, Change(ON_TRACK, AT_RISK, (CLOSED,)))
    joined = absorb(waiting, Change(AT_RISK, BEHIND, (REOPENED,)))
    assert joined == Change(ON_TRACK, BEHIND, (CLOSED, REOPENED))


def test_a_change_that_is_undone_gives_no_notice() -> None:
    """Completed, reopened and closed again within the settling time needs no mail."""
    waiting = absorb(None, Change(COMPLETED, AT_RISK, (REOPENED,)))
    assert waiting is not None
    assert absorb(waiting, Change(AT_RISK, COMPLETED, (CLOSED,))) is None


def test_one_cause_never_makes_two_mails() -> None:
    """Notices that share a delivery with a due notice go in the same mail, also through a third notice."""
    waiting = [
        WaitingNotice(1, due=True, deliveries=frozenset({"d1"})),
        WaitingNotice(2, due=False, deliveries=frozenset({"d1", "d2"})),
        WaitingNotice(3, due=False, deliveries=frozenset({"d2"})),
        WaitingNotice(4, due=False, deliveries=frozenset({"d9"})),
        WaitingNotice(5, due=True, deliveries=frozenset()),
    ]
    assert choose_for_mail(waiting) == [1, 5, 2, 3]


def test_a_notice_keeps_only_the_latest_causes() -> None:
    """A waiting notice must not grow without limit."""
    waiting = absorb(None, Change(ON_TRACK, AT_RISK, (CLOSED,) * 40))
    joined = absorb(waiting, Change(AT_RISK, BEHIND, (REOPENED,) * 30))
    assert joined is not None
    assert joined.causes == (CLOSED,) * 20 + (REOPENED,) * 30
