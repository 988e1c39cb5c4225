"""The line of a key result: one value a day, seen or reconstructed, between two days."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from sync_service.store import tables
from sync_service.store.engine.database import writing
from tests.web.api.fixture import STARTS, ApiHarness

PATH = "/api/v1/key-results/KR-1/line"
DAY = timedelta(days=1)


@pytest.fixture
def linked(api: ApiHarness) -> ApiHarness:
    """Link two issues that were there before the cycle: one was done on 8 October, the other one is open."""
    closed = STARTS + 7 * DAY + timedelta(hours=9)
    for key, columns in (
        ("acme/checkout#1", {"state": "done", "closed_at": closed, "updated_at": closed}),
        ("acme/checkout#2", {"state": "todo", "updated_at": STARTS - DAY}),
    ):
        issue_id = api.issue(key, api.ids["KR-1"], created_at=STARTS - 10 * DAY, **columns)
        brings = {"issue_id": issue_id, "state": columns["state"], "weight": 1}
        api.add(tables.contribution, key_result_id=api.ids["KR-1"], **brings)
    return api


def test_a_line_begins_with_the_first_day_of_the_cycle_and_ends_today(linked: ApiHarness, token: str) -> None:
    """Half of the work was done on 8 October."""
    items = linked.call(PATH, token=token).get_json()["items"]
    assert [one["day"] for one in items] == [f"{STARTS + index * DAY:%Y-%m-%d}" for index in range(33)]
    assert [one["value"] for one in items] == [0] * 7 + [50] * 26
    assert items[7] == {"day": "2026-10-08", "value": 50, "scope": 2, "done": 1, "source": "reconstructed"}


@pytest.mark.slow
def test_a_line_can_begin_and_end_on_other_days(linked: ApiHarness, token: str) -> None:
    """Both days are included. An end before the beginning is refused in words."""

    def days(query: str) -> list[int]:
        items = linked.call(f"{PATH}?{query}", token=token).get_json()["items"]
        return [datetime.fromisoformat(one["day"]).day for one in items]

    assert days("from=2026-10-07&to=2026-10-09") == [7, 8, 9]
    assert days("from=2026-11-01") == [1, 2]
    assert days("to=2026-10-01") == [1]
    assert days("from=2027-01-01") == []
    for query, words in (
        ("from=2026-10-07&to=2026-10-06", "to: Input should be 2026-10-07 or later, as `from`"),
        ("from=yesterday", "from: Input should be a valid date"),
    ):
        refused = linked.call(f"{PATH}?{query}", token=token)
        assert refused.status_code == 422
        assert refused.get_json()["detail"].startswith(words)


def test_recorded_days_are_seen(linked: ApiHarness, token: str) -> None:
    """From the day after the first entry that recorded its inputs."""
    basis = {"measure": {"kind": "done-share"}, "start": 0, "target": 100, "at": STARTS.isoformat()}
    row = linked.entry(linked.ids["KR-1"], None, 40)
    with writing(linked.services.engine) as tx:
        columns = {"computed_from": basis | {"checked_in": None, "steps_done": []}}
        recorded_at = {"at": datetime(2026, 10, 20, 9, tzinfo=UTC)}
        changed = {"contributions": [[1, None, {"state": "done"}], [2, None, {"state": "todo"}]]}
        tx.execute(sa.update(tables.history).where(tables.history.c.id == row).values(columns | recorded_at | changed))
        tx.execute(sa.update(tables.scope).values(covered_at=STARTS))
    items = linked.call(f"{PATH}?from=2026-10-20&to=2026-10-21", token=token).get_json()["items"]
    assert [(one["source"], one["value"]) for one in items] == [("reconstructed", 50), ("seen", 40)]


def test_an_unknown_key_result_is_not_found(api: ApiHarness, token: str) -> None:
    """The detail names similar ones."""
    assert "KR-1" in api.call("/api/v1/key-results/KR-11/line", token=token).get_json()["detail"]


def test_a_line_is_unchanged_until_something_changes(linked: ApiHarness, token: str) -> None:
    """By its ETag."""
    known = {"If-None-Match": linked.call(PATH, token=token).headers["ETag"]}
    assert linked.call(PATH, token=token, headers=known).status_code == 304
