"""What is left out is counted and named, in the explanation and in the sum line by line."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sync_service.domain.measures.calendar import Calendar
from sync_service.domain.measures.compute import Inputs, compute
from sync_service.domain.measures.contributions import Contribution
from sync_service.domain.measures.explain import MOST_IN_ORDER, SumLine, sum_lines
from sync_service.domain.measures.kinds.words import TIMES
from sync_service.domain.measures.progress import Stay
from sync_service.domain.measures.settings import parse_measure
from sync_service.domain.measures.status import Span
from sync_service.domain.trackers.observations import State

TODO, DOING, DONE, DROPPED = State.TODO, State.DOING, State.DONE, State.DROPPED


def day(number: int, month: int = 10) -> datetime:
    """Return noon of a day in 2026."""
    return datetime(2026, month, number, 12, tzinfo=UTC)


def inputs(settings: dict[str, Any], *contributions: Contribution, start: float | None = 0, **others: Any) -> Inputs:
    """Return inputs in the middle of October."""
    return Inputs(
        measure=parse_measure(settings),
        start=start,
        target=None if start is None else 100,
        span=Span(datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        at=day(15),
        calendar=Calendar(ZoneInfo("UTC")),
        contributions=contributions,
        **others,
    )


def closed(at: datetime | None, **fields: Any) -> Contribution:
    """Return a done issue."""
    return Contribution(DONE, closed_at=at, **fields)


EARLY = day(20, 9)


@pytest.mark.parametrize(
    ("settings", "contributions", "words"),
    [
        (
            {"kind": "done-share", "weight": "Revenue", "unestimated": 0, "doing": 0.5, "within": "cycle"},
            [closed(day(5), number=10), Contribution(DOING, number=4), Contribution(TODO), closed(EARLY, number=9)],
            (
                "1 of 3 issues done, 12 of 14 by Revenue; 1 in progress counted as 0.5 done each; "
                "1 without Revenue left out; 1 closed before the cycle left out"
            ),
        ),
        (
            {"kind": "done-share", "dropped": "done"},
            [Contribution(DROPPED), Contribution(TODO, weight=2)],
            "1 of 2 issues done, 1 of 3 by weight; 1 dropped counted as done",
        ),
        (
            {"kind": "done-sum"},
            [closed(day(5), number=3), closed(day(6)), closed(None, number=8), Contribution(DROPPED)],
            (
                "0 at the start and 3 points of 2 issues done within the cycle; 1 done at an unknown time left out; "
                "1 without points left out; 1 dropped left out"
            ),
        ),
        (
            {"kind": "open-sum", "field": "Revenue", "unestimated": 2},
            [Contribution(TODO, number=5), Contribution(DOING), closed(day(5), number=8)],
            "7 by Revenue of 2 of 3 linked issues still open; 1 without Revenue counted as 2 each",
        ),
        (
            {"kind": "field", "field": "Revenue", "take": "latest"},
            [Contribution(TODO, number=5, number_at=day(3)), Contribution(DOING, number=6), Contribution(TODO)],
            (
                "the latest Revenue of 1 issue; 1 without Revenue left out; "
                "1 whose Revenue changed at an unknown time left out"
            ),
        ),
        (
            {"kind": "field", "field": "Revenue"},
            [Contribution(TODO)],
            "no linked issue has Revenue; 1 without Revenue left out",
        ),
        (
            {"kind": "cycle-time", "take": "p85", "days": "working"},
            [closed(day(5), started_at=day(1)), closed(day(6)), closed(None), Contribution(DROPPED)],
            (
                "the 85th percentile in working days of 1 issue done in the last 30 days; 1 without a known start "
                "left out; 1 done at an unknown time left out; 1 dropped left out"
            ),
        ),
        (
            {"kind": "lead-time", "window": "cycle"},
            [closed(day(5))],
            "no issue with a known time was done in the cycle; 1 without a known creation left out",
        ),
        ({"kind": "throughput", "window": "1w"}, [closed(day(14))], "1 issue done in the last week"),
        (
            {"kind": "share-meeting", "meets": {"field": "cycle_time", "at_most": 3}},
            [
                closed(day(5), started_at=day(4)),
                closed(day(5)),
                Contribution(DOING),
                Contribution(DOING, started_at=day(14)),
                Contribution(DOING, started_at=day(4), weight=2),
                Contribution(DROPPED),
            ],
            (
                "1 of 2 issues met: cycle_time is at most 3, 1 of 3 by weight; 1 still open within the limit; "
                "2 unknown left out; 1 dropped left out"
            ),
        ),
        (
            {"kind": "steps", "steps": [{"name": "A", "weight": 3}, {"name": "B"}]},
            [],
            "1 of 2 steps done, 3 of 4 by weight",
        ),
    ],
)
def test_what_is_left_out_is_counted_and_named(
    settings: dict[str, Any], contributions: Sequence[Contribution], words: str
) -> None:
    """Unknown starts, reopenings, estimates and times; dropped work; work of before the cycle."""
    assert compute(inputs(settings, *contributions, steps_done=frozenset("A"))).explanation == words


def test_throughput_says_since_when_closings_are_known() -> None:
    """A window that is longer has no data."""
    value = compute(inputs({"kind": "throughput"}, closed(day(14)), known_since=day(1)))
    assert (value.current, value.explanation) == (None, "known only since 2026-10-01, not for the whole of 4 weeks")


def lines(made: Inputs) -> list[SumLine]:
    """Return the sum line by line; issues are numbered from 1."""
    return sum_lines(made, dict(enumerate(made.contributions, start=1)))


def test_the_sum_of_a_share_is_shown_issue_by_issue() -> None:
    """Then what is reached, the whole, and the value."""
    settings = {"kind": "done-share", "weight": "points", "unestimated": 2, "doing": 0.5}
    issues = [
        closed(day(5), number=5),
        Contribution(DOING, weight=3, number=2),
        Contribution(TODO),
        Contribution(DROPPED),
    ]
    found = lines(inputs(settings, *issues))
    assert [(line.issue_id, line.adds) for line in found] == [
        (1, 5),
        (2, 3),
        (3, 0),
        (4, None),
        (None, 8),
        (None, 13),
        (None, 61.538462),
    ]
    assert [line.text.replace(TIMES, "x") for line in found] == [
        "done: 1 x weight 1 x 5 points",
        "doing: 0.5 x weight 3 x 2 points",
        "todo: 0 x weight 1 x 2 points, as it has none",
        "dropped: left out",
        "8 reached",
        "13 in all",
        (
            "100 x 8 / 13 = 61.54: 1 of 3 issues done, 8 of 13 points; 1 in progress counted as 0.5 done each; "
            "1 dropped left out"
        ),
    ]


def test_the_durations_are_shown_in_order() -> None:
    """With the rank of the percentile; of many, only the rank."""
    issues = [closed(day(5), created_at=day(1)), closed(day(6), created_at=day(5)), closed(day(7), created_at=day(5))]
    found = lines(inputs({"kind": "lead-time"}, *issues, Contribution(TODO)))
    assert [line.adds for line in found] == [5, 2, 3, None, None, 3]
    assert found[0].text == "5 days, from 2026-10-01 to 2026-10-05"
    assert found[-2].text == "number 2 of 3 in order (2, 3, 5) is the value"
    assert found[-1].text == "3: the median in days of 3 issues done in the last 30 days"
    many = lines(inputs({"kind": "lead-time"}, *(issues * MOST_IN_ORDER)))
    assert many[-2].text == f"number {MOST_IN_ORDER * 3 // 2} of {MOST_IN_ORDER * 3} in order is the value"


def test_the_start_is_a_line_of_a_count() -> None:
    """Without a start, because the value has to stay in a range, there is none."""
    with_start = lines(inputs({"kind": "done-count"}, closed(day(5)), closed(EARLY), start=10))
    assert [line.text for line in with_start] == [
        "done",
        "closed before the cycle: left out",
        "1 done",
        "10 at the start",
        "10 + 1 = 11: 10 at the start and 1 issue done within the cycle",
    ]
    in_range = replace(inputs({"kind": "done-count"}, closed(day(5)), start=None), stay=Stay(high=5))
    assert [line.text for line in lines(in_range)] == ["done", "1: 1 issue done within the cycle"]


def test_steps_have_lines_and_issues_have_none() -> None:
    """A key result by steps may have linked issues; they do not count."""
    made = inputs(
        {"kind": "steps", "steps": [{"name": "A", "weight": 3}, {"name": "B"}]},
        closed(day(5)),
        steps_done=frozenset("A"),
    )
    assert [(line.issue_id, line.adds, line.text) for line in lines(made)[:2]] == [
        (None, 3, "A: done, of weight 3"),
        (None, 0, "B: not done, of weight 1"),
    ]
    assert lines(made)[-1].adds == 75
