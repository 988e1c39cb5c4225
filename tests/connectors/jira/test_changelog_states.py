"""The states of a Jira issue over time, from its changelog."""

from datetime import UTC, datetime
from typing import Any

from connectors.jira.model.changelog_states import Changelog, read_states
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.observations import State

TODO, DOING, DONE, DROPPED = State.TODO, State.DOING, State.DONE, State.DROPPED
CATEGORIES = {"1": "new", "2": "indeterminate", "3": "done", "4": "indeterminate"}
CONNECTION = Connection(slug="jira", site="https://acme.atlassian.net")


def at(day: int) -> str:
    """Return noon of a day in October as Jira writes it."""
    return datetime(2026, 10, day, 12, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def moved(was: str, now: str) -> dict[str, Any]:
    """Return a change of the status; Data Center has no `fieldId`."""
    return {"field": "status", "from": was, "fromString": f"S{was}", "to": now, "toString": f"S{now}"}


def resolved(was: str | None, now: str | None) -> dict[str, Any]:
    """Return a change of the resolution."""
    return {
        "field": "resolution",
        "fieldId": "resolution",
        "from": None,
        "fromString": was,
        "to": None,
        "toString": now,
    }


def entry(day: int, *items: dict[str, Any]) -> dict[str, Any]:
    """Return an entry of a changelog."""
    return {"created": at(day), "items": list(items)}


def issue(status: str, category: str, resolution: str | None = None) -> dict[str, Any]:
    """Return an issue as it is now."""
    named = {"id": "9", "name": resolution} if resolution else None
    present = {"id": status, "statusCategory": {"key": category}}
    return {"id": "20012", "fields": {"created": at(1), "status": present, "resolution": named}}


def read(found: dict[str, Any], *entries: dict[str, Any], **about: Any) -> tuple[Any, bool]:
    """Return the states by day, and whether they are whole."""
    history = read_states(found, Changelog(entries, **about), CATEGORIES, CONNECTION, calls=1)
    assert history.identity == "20012"
    return [(one.at.day, one.state) for one in history.changes], history.whole


def test_an_issue_that_never_changed_has_its_present_state_since_its_creation() -> None:
    """Also where its status was removed from the workflow: the issue itself says its category."""
    assert read(issue("1", "new")) == ([(1, TODO)], True)
    assert read(issue("77", "indeterminate")) == ([(1, DOING)], True)


def test_status_and_resolution_of_one_change_count_together() -> None:
    """Whichever comes first in it, also when it is reopened."""
    for items in ((moved("1", "3"), resolved(None, "Won't Do")), (resolved(None, "Won't Do"), moved("1", "3"))):
        found = read(issue("1", "new"), entry(2, *items), entry(3, moved("3", "1"), resolved("Won't Do", None)))
        assert found == ([(1, TODO), (2, DROPPED), (3, TODO)], True)


def test_a_resolution_that_is_changed_later_changes_the_state() -> None:
    """Done work that turns out to be a duplicate."""
    changes = (entry(2, moved("1", "3"), resolved(None, "Done")), entry(4, resolved("Done", "Duplicate")))
    assert read(issue("3", "done", "Duplicate"), *changes)[0] == [(1, TODO), (2, DONE), (4, DROPPED)]


def test_entries_may_come_in_any_order_and_with_times_in_milliseconds() -> None:
    """Cloud shows the newest first inside an issue, and milliseconds for many issues."""
    later = {"created": int(datetime(2026, 10, 3, 12, tzinfo=UTC).timestamp() * 1000), "items": [moved("2", "3")]}
    assert read(issue("3", "done"), later, entry(2, moved("1", "2")))[0] == [(1, TODO), (2, DOING), (3, DONE)]


def test_a_gap_makes_what_is_before_it_unknown() -> None:
    """The issue left a status that it never entered."""
    assert read(issue("3", "done"), entry(2, moved("1", "2")), entry(4, moved("4", "3"))) == ([(4, DONE)], False)


def test_an_unknown_status_makes_what_is_before_it_unknown() -> None:
    """The first status of the issue is no longer there, or one in between."""
    assert read(issue("2", "indeterminate"), entry(3, moved("99", "2"))) == ([(3, DOING)], False)
    changes = (entry(2, moved("1", "99")), entry(3, moved("99", "1")))
    assert read(issue("1", "new"), *changes) == ([(3, TODO)], False)


def test_a_changelog_without_its_oldest_entries_begins_with_the_first_it_has() -> None:
    """Without its newest ones nothing of it is used."""
    changes = (entry(3, moved("2", "3")), entry(5, moved("3", "1")))
    assert read(issue("1", "new"), *changes, whole=False) == ([(3, DONE), (5, TODO)], False)
    assert read(issue("1", "new"), *changes, whole=False, ends_now=False) == ([], False)


def test_what_can_not_be_read_is_left_out() -> None:
    """Other fields, and entries without a time."""
    odd = ({"items": [moved("1", "3")]}, {"created": at(2), "items": "none"}, entry(2, {"field": "labels"}))
    assert read(issue("1", "new"), *odd) == ([(1, TODO)], True)
