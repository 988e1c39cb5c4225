"""What decides a forecast: which open issues, why, and in which order."""

from sync_service.domain.forecasts.at_end import AtEnd
from sync_service.domain.forecasts.deciding_issues import OpenIssue, deciding_issues, reasons_of, typical_size
from sync_service.domain.forecasts.goal import Goal, Position
from sync_service.domain.forecasts.samples import Week

GOAL = Goal("done-sum", 0, 40)
POSITION = Position.of(28, 60)
END = AtEnd(GOAL, [Week(done=done) for done in (1, 2, 3, 4, 5, 6)], 21)
OLD_AGE = 20.0


def keys(*issues: OpenIssue, old_age: float | None = OLD_AGE) -> list[str]:
    """Return the keys of the issues that decide, in their order."""
    return [one.key for one in deciding_issues(issues, end=END, position=POSITION, old_age=old_age)]


def test_issues_without_a_reason_do_not_decide() -> None:
    """As old as the percentile is not older."""
    assert keys(OpenIssue(key="A-1", age=20), OpenIssue(key="A-2", age=21), OpenIssue(key="A-3", age=3)) == ["A-2"]


def test_the_greatest_effect_on_the_chance_comes_first() -> None:
    """It is what the chance rises by when the issue is done now."""
    small, large = OpenIssue(key="A-1", age=90, blocked=True, size=1), OpenIssue(key="A-2", age=2, blocked=True, size=3)
    found = deciding_issues([small, large], end=END, position=POSITION, old_age=OLD_AGE)
    assert [one.key for one in found] == ["A-2", "A-1"]
    closed = Position(POSITION.done + 3, POSITION.scope)
    assert found[0].effect == float(END.chance(closed) - END.chance(POSITION)) > found[1].effect > 0


def test_of_equal_effects_more_reasons_and_then_age_come_first() -> None:
    """And then the key, so that the order is always the same."""
    issues = [
        OpenIssue(key="A-4", age=30),
        OpenIssue(key="A-3", age=30),
        OpenIssue(key="A-2", age=40),
        OpenIssue(key="A-1", age=25, blocked=True),
    ]
    assert keys(*issues) == ["A-1", "A-2", "A-3", "A-4"]


def test_an_issue_without_an_estimate_counts_as_the_median_of_the_others() -> None:
    """By nearest rank; as one where no issue has an estimate."""
    issues = [OpenIssue(key=f"A-{size}", age=1, size=size) for size in (1, 2, 8)]
    without = OpenIssue(key="A-0", age=1, size=None)
    assert typical_size([*issues, without]) == 2
    assert typical_size([without]) == 1
    (found,) = deciding_issues([*issues, without], end=END, position=POSITION, old_age=OLD_AGE)
    closed = Position(POSITION.done + 2, POSITION.scope)
    assert found.effect == float(END.chance(closed) - END.chance(POSITION))
    assert found.reasons == ("without an estimate",)


def test_the_reasons_are_in_words() -> None:
    """All that hold."""
    assert reasons_of(OpenIssue(key="A-1", age=40, blocked=True, size=None), OLD_AGE) == (
        "open for 40 days, and 85 % of the team's are not older than 20",
        "blocked",
        "without an estimate",
    )


def test_issues_of_two_connections_may_have_the_same_key() -> None:
    """Each has its own effect."""
    issues = [OpenIssue(key="A-1", age=1, blocked=True, size=size) for size in (1, 4)]
    large, small = deciding_issues(issues, end=END, position=POSITION, old_age=OLD_AGE)
    assert large.effect > small.effect


def test_an_unknown_percentile_makes_no_issue_old() -> None:
    """A new team has none."""
    assert keys(OpenIssue(key="A-1", age=400), OpenIssue(key="A-2", age=1, blocked=True), old_age=None) == ["A-2"]
