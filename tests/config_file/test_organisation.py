"""The organisation and the settings of teams in a file: stored, compared, exported, and refused when they are wrong."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from sync_service.config_file.plan.export import as_json, as_yaml
from sync_service.store import tables as t
from sync_service.store.engine.database import reading
from sync_service.store.okrs.roll_ups import roll_ups
from tests.config_file.conftest import ConfigHarness
from tests.config_file.files import EXAMPLE, replace
from tests.config_file.follow_ups import lines, recomputed, settle
from tests.config_file.test_export import export

MakeHarness = Callable[[], ConfigHarness]

ORGANISATION = """\
organisation:
  name: Acme
  timezone: Europe/Madrid
  week_starts: sun
  thresholds: {at_risk: 12.5, behind: 30}
  calendar: {country: ES, subdivision: MD, days: [mon, tue, wed, thu, fri]}
  cadence: every 2 weeks
  grace_days: 5
  daily_cap: 3
  quiet: {starts: "19:00", ends: "08:00"}
  allowed_domains: [Example.com, example.org]
"""

TEAMS = """\
teams:
  - {slug: payments, name: Payments, parent: shop, cadence: weekly}
  - {slug: shop, name: Shop, timezone: Asia/Tokyo, calendar: {days: [sun, mon]}, thresholds: {at_risk: 5}}
"""

OBJECTIVES = """\
      - {slug: KR-3, title: Up, stay: {above: 99.5}, unit: '%', apply: propose, rolls_up: false, cadence: none,
         measure: {kind: manual}}
      - {slug: KR-4, title: In, stay: {within: [1, 2.5]}, measure: {kind: open-count}}
  - {slug: whole, title: Whole, cycle: 2026-q4, roll_up: none}
"""

ALIGNED = "    roll_up: weakest\n    parent: whole\n    counts: true\n    weight: 0.5\n"

ALL = ORGANISATION + replace(
    EXAMPLE,
    ("teams:\n", TEAMS),
    ("name: Checkout}", "name: Checkout, parent: payments}"),
    ("    key_results:\n", ALIGNED + "    key_results:\n"),
    ("rules:\n", OBJECTIVES + "rules:\n"),
)


@pytest.mark.slow
@pytest.mark.both_databases
def test_every_field_is_stored_and_applying_again_or_its_export_changes_nothing(harness: ConfigHarness) -> None:
    """Also with --prune, as YAML and as JSON."""
    assert "+ organisation" in harness.apply(ALL).lines()
    assert harness.apply(ALL, prune=True).lines() == ["nothing to change"]
    for write in (as_yaml, as_json):
        assert harness.apply(write(export(harness)), prune=True).lines() == ["nothing to change"]
    written = export(harness)
    assert written["organisation"]["thresholds"] == {"at_risk": 12.5, "behind": 30}
    assert written["organisation"]["allowed_domains"] == ["example.com", "example.org"]
    k = t.key_result.c
    assert harness.rows(sa.select(k.slug, k.start, k.target, k.stay).where(k.stay.is_not(None)).order_by(k.slug)) == [
        ("KR-3", None, None, {"above": 99.5}),
        ("KR-4", None, None, {"within": [1, 2.5]}),
    ]


@pytest.mark.slow
@pytest.mark.both_databases
def test_a_parent_may_come_after_its_child_and_goes_alone(harness: ConfigHarness) -> None:
    """A child keeps its own fields when the parent is removed."""
    harness.apply(ALL)
    parent = t.team.alias()
    found = sa.select(t.team.c.slug, parent.c.slug).outerjoin(parent, parent.c.id == t.team.c.parent_id)
    assert harness.rows(found.order_by(t.team.c.slug)) == [
        ("checkout", "payments"),
        ("payments", "shop"),
        ("shop", None),
    ]
    renamed = replace(ALL, ("name: Payments,", "name: Pay,"))
    assert lines(harness.apply(renamed).lines()) == ["~ team payments: name 'Payments' → 'Pay'"]
    assert harness.rows(found.where(t.team.c.slug == "payments")) == [("payments", "shop")]
    without = replace(renamed, (TEAMS.replace("Payments,", "Pay,").removeprefix("teams:\n"), ""))
    plan = harness.apply(replace(without, (", parent: payments", "")), prune=True)
    assert "~ team checkout: parent 'payments' → none" in plan.lines()
    assert harness.rows(found) == [("checkout", None)]


def test_the_organisation_is_removed_only_with_prune(sqlite_harness: MakeHarness) -> None:
    """Then the defaults hold again."""
    harness = sqlite_harness()
    harness.apply(ORGANISATION)
    assert harness.apply("teams: []\n").lines() == ["nothing to change"]
    assert harness.apply("organisation: {}\n").lines()[0].startswith("~ organisation: name 'Acme' → none, timezone ")
    assert harness.apply("organisation: {}\n").lines() == ["nothing to change"]
    assert "organisation" in export(harness)
    assert harness.apply("teams: []\n", prune=True).lines()[0] == "- organisation"
    assert "organisation" not in export(harness)


@pytest.mark.both_databases
def test_another_time_zone_moves_every_cycle_and_recomputes(harness: ConfigHarness) -> None:
    """Also the cycles that the file does not have. Midnight in Tokyo is nine hours before that of UTC."""
    harness.apply(EXAMPLE)
    settle(harness)
    plan = harness.apply("organisation: {timezone: Asia/Tokyo}\n")
    assert plan.lines()[0] == "+ organisation"
    assert harness.rows(sa.select(t.cycle.c.starts_at, t.cycle.c.ends_at)) == [
        (datetime(2026, 9, 30, 15, tzinfo=UTC), datetime(2026, 12, 31, 15, tzinfo=UTC))
    ]
    assert set(recomputed(harness)) == {"KR-1", "KR-2"}
    assert "time zone changed from Europe/Madrid to Asia/Tokyo" in recomputed(harness)["KR-1"]
    assert harness.apply(EXAMPLE).lines() == ["nothing to change"]
    harness.apply(EXAMPLE, prune=True)
    assert harness.rows(sa.select(t.cycle.c.starts_at)) == [(datetime(2026, 9, 30, 22, tzinfo=UTC),)]


OTHER = """\
  - slug: other
    title: Other
    cycle: 2026-q4
    team: all
    key_results:
      - {slug: KR-9, title: N, measure: {kind: manual}}
"""

TWO_TEAMS = replace(
    EXAMPLE,
    ("name: Checkout}", "name: Checkout, parent: all, thresholds: {at_risk: 1, behind: 2}}"),
    ("people:\n", "  - {slug: all, name: All}\npeople:\n"),
    ("rules:\n", OTHER + "rules:\n"),
)


@pytest.mark.parametrize(
    ("written", "cause"),
    [
        ("thresholds: {behind: 30}", "thresholds changed from 10 and 25 points to 10 and 30 points"),
        ("timezone: Asia/Tokyo", "time zone changed from Europe/Madrid to Asia/Tokyo"),
    ],
)
def test_a_setting_recomputes_the_key_results_that_have_it_from_there(
    sqlite_harness: MakeHarness, written: str, cause: str
) -> None:
    """A team with its own thresholds keeps its values as they are."""
    harness = sqlite_harness()
    harness.apply(TWO_TEAMS)
    settle(harness)
    harness.apply(replace(TWO_TEAMS, ("name: All}", f"name: All, {written}}}")))
    wanted = {"KR-9": [cause]}
    if "timezone" in written:
        wanted |= {"KR-1": [cause], "KR-2": [cause]}
    assert recomputed(harness) == wanted


def test_a_calendar_recomputes_nothing_that_has_no_working_days(sqlite_harness: MakeHarness) -> None:
    """Only durations in working days depend on it."""
    harness = sqlite_harness()
    harness.apply(TWO_TEAMS)
    settle(harness)
    harness.apply(replace(TWO_TEAMS, ("name: All}", "name: All, calendar: {days: [mon]}}")))
    assert recomputed(harness) == {}


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ("start: 40\n        target: 5\n", "stay: {below: 5}\n", "start changed from 40 to none"),
        ("target: 5\n", "target: 5\n        apply: propose\n", "apply changed from 'apply' to 'propose'"),
        ("target: 5\n", "target: 5\n        rolls_up: false\n", "rolls_up changed from true to false"),
    ],
)
def test_a_changed_field_of_a_key_result_recomputes_it_alone(
    sqlite_harness: MakeHarness, old: str, new: str, cause: str
) -> None:
    """With a cause in words."""
    harness = sqlite_harness()
    harness.apply(EXAMPLE)
    settle(harness)
    harness.apply(replace(EXAMPLE, (old, new)))
    assert list(recomputed(harness)) == ["KR-2"]
    assert recomputed(harness)["KR-2"][0].startswith(cause)


def test_a_changed_roll_up_recomputes_the_key_results_of_its_objective(sqlite_harness: MakeHarness) -> None:
    """And of no other."""
    harness = sqlite_harness()
    harness.apply(TWO_TEAMS)
    settle(harness)
    harness.apply(replace(TWO_TEAMS, ("    title: Other\n", "    title: Other\n    roll_up: weakest\n")))
    assert recomputed(harness) == {"KR-9": ["roll_up changed from 'weighted' to 'weakest'"]}


def test_more_grace_recomputes_what_has_ended(sqlite_harness: MakeHarness) -> None:
    """A cycle that runs is not concerned."""
    harness = sqlite_harness()
    ended = replace(EXAMPLE, ("ends: 2026-12-31", "ends: 2026-10-31"))
    harness.apply(ended)
    settle(harness)
    harness.apply(ended + "organisation: {grace_days: 3}\n")
    assert recomputed(harness) == {}
    harness.apply(ended + "organisation: {grace_days: 4}\n")
    assert set(recomputed(harness)) == {"KR-1", "KR-2"}
    assert recomputed(harness)["KR-1"] == ["grace_days changed from 3 to 4"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("week_starts: sun", "week_starts: Sunday", "organisation.week_starts: found 'Sunday'*did you mean sun?"),
        ("tue, wed", "tue, Wednesday", "organisation.calendar.days[2]: found 'Wednesday'*did you mean wed?"),
        ("tue, wed", "tue, tue", "organisation.calendar.days[2]: found 'tue' a second time; allowed: each day once"),
        ("days: [mon, tue, wed, thu, fri]", "days: []", "organisation.calendar.days: found *; allowed: a list of"),
        ("country: ES", "country: es", "organisation.calendar.country: found 'es'*did you mean ES?"),
        ("country: ES", "country: Spain", "organisation.calendar.country: found 'Spain'*did you mean "),
        ("country: ES, ", "", "organisation.calendar.subdivision: found 'MD' without a country"),
        ("Europe/Madrid\n  week", "Europe/Madird\n  week", "organisation.timezone: *did you mean Europe/Madrid?"),
        (
            "at_risk: 12.5",
            "at_risk: 30",
            "organisation.thresholds.at_risk: found 30, while behind is 30; allowed: fewer",
        ),
        ("at_risk: 12.5", "atrisk: 12.5", "organisation.thresholds.atrisk: found the unknown*did you mean at_risk?"),
        ("at_risk: 12.5", "at_risk: -1", "organisation.thresholds.at_risk: found -1; allowed: percentage points*"),
        ("grace_days: 5", "grace_days: -1", "organisation.grace_days: found -1; allowed: whole days*0 to 90"),
        ("grace_days: 5", "grace_days: 1.5", "organisation.grace_days: found 1.5; allowed: whole days"),
        ("daily_cap: 3", "daily_cap: 0", "organisation.daily_cap: found 0; allowed: the most mails"),
        ('"08:00"', '"19:00"', "organisation.quiet.ends: found '19:00', when they start; allowed: another time"),
        ('"08:00"', '"8:00"', "organisation.quiet.ends: found '8:00'; allowed: a time of day"),
        ("example.org", "example.com", "organisation.allowed_domains[1]: found 'example.com' a second time"),
        ("example.org", "ana@example.org", "organisation.allowed_domains[1]: found 'ana@example.org'; allowed: a list"),
        ("every 2 weeks", "every 1 weeks", "organisation.cadence: found 'every 1 weeks'; allowed: how often*weekly"),
        ("grace_days", "grace", "organisation.grace: found the unknown field 'grace'*did you mean grace_days?"),
        ("parent: shop", "parent: shoop", "teams[0].parent: found 'shoop'*did you mean shop?"),
        (
            "name: Shop,",
            "name: Shop, parent: checkout,",
            "teams[0].parent: found a circle: payments → shop → checkout → ",
        ),
        ("name: Shop,", "name: Shop, parent: shop,", "teams[1].parent: found a circle: shop → shop; allowed: a parent"),
        (
            "title: Whole",
            "title: Whole, parent: fast-checkout",
            "objectives[0].parent: found a circle: fast-checkout → w",
        ),
        (
            "roll_up: weakest",
            "roll_up: best",
            "objectives[0].roll_up: found 'best'; allowed: *weighted, sum, weakest or",
        ),
        ("{above: 99.5}", "{}", "objectives[0].key_results[2].stay: found nothing; allowed: exactly one of above"),
        (
            "{above: 99.5}",
            "{above: 1, below: 2}",
            "objectives[0].key_results[2].stay: found above and below; allowed: e",
        ),
        ("[1, 2.5]", "[2.5, 1]", "objectives[0].key_results[3].stay.within: found 2.5 before 1; allowed: *[1, 2.5]"),
        ("[1, 2.5]", "[1]", "objectives[0].key_results[3].stay.within*allowed: a list of two numbers"),
        ("stay: {above", "target: 5, stay: {above", "objectives[0].key_results[2].target: found target beside stay"),
        ("apply: propose", "apply: proposed", "objectives[0].key_results[2].apply: *did you mean propose?"),
    ],
)
def test_nonsense_is_refused_with_what_is_allowed(
    sqlite_harness: MakeHarness, old: str, new: str, expected: str
) -> None:
    """Each error names the field; nothing is applied."""
    harness = sqlite_harness()
    found = [str(error).partition(": ")[2] for error in harness.errors(replace(ALL, (old, new)))]
    pieces = expected.split("*")
    fits = [one for one in found if one.startswith(pieces[0]) and all(piece in one for piece in pieces)]
    assert fits, "\n".join(found)
    assert harness.rows(sa.select(t.team.c.id)) == []


@pytest.mark.parametrize("text", ["organisation: []\n", "organisation:\n", ORGANISATION + "teams:\n  x: 1\n"])
def test_the_organisation_is_one_mapping(sqlite_harness: MakeHarness, text: str) -> None:
    """A list is refused, and so is a second one in another file."""
    harness = sqlite_harness()
    assert harness.errors(text)
    (error,) = harness.errors(ORGANISATION, ORGANISATION)
    assert str(error).startswith("two.yaml:1: organisation: found the organisation a second time (first at one.yaml:1)")


SUM = replace(EXAMPLE, ("    key_results:\n", "    roll_up: sum\n    key_results:\n"))


def test_a_sum_over_two_units_is_refused_with_the_units_and_their_key_results(sqlite_harness: MakeHarness) -> None:
    """Key results that are left out of the roll-up may have another unit."""
    harness = sqlite_harness()
    (error,) = harness.errors(SUM)
    assert (error.field, error.found) == ("objectives[0].roll_up", "sum over 2 units (%: KR-1; no unit: KR-2)")
    harness.apply(replace(SUM, ("target: 5\n", "target: 5\n        unit: '%'\n")))
    harness.apply(replace(SUM, ("target: 5\n", "target: 5\n        rolls_up: false\n")))
    (error,) = harness.errors(replace(SUM, ("start: 40\n        target: 5\n", "stay: {below: 5}\n        unit: '%'\n")))
    assert error.found == "sum with KR-2, which stays in a range"


def test_a_sum_counts_stored_key_results_too(sqlite_harness: MakeHarness) -> None:
    """A file without KR-2 leaves it, unless it is pruned."""
    harness = sqlite_harness()
    harness.apply(EXAMPLE)
    start, end = SUM.index("      - slug: KR-2"), SUM.index("rules:")
    alone = SUM[:start] + SUM[end : SUM.index("  - slug: payment-bugs")]
    assert [error.field for error in harness.errors(alone)] == ["objectives[0].roll_up"]
    harness.apply(alone, prune=True)


@pytest.mark.parametrize(
    ("issue", "expected"),
    [
        ("acme-jra:SHOP-1", "found 'acme-jra:SHOP-1'; allowed: CONNECTION:KEY*did you mean acme-jira?"),
        ("SHOP-1", "found 'SHOP-1'; allowed: CONNECTION:KEY"),
        ("acme-jira:SHOP", "found 'acme-jira:SHOP'; allowed: a key that Jira knows"),
    ],
)
def test_the_issue_of_a_step_must_be_at_a_known_connection(
    sqlite_harness: MakeHarness, issue: str, expected: str
) -> None:
    """The error has the place in the measure."""
    measure = f"{{kind: steps, steps: [{{name: A}}, {{name: B, issue: '{issue}'}}]}}"
    text = replace(EXAMPLE, ("{kind: done-share, weight: points, unestimated: 1}", measure))
    errors = [error for error in sqlite_harness().errors(text) if "measure.steps[1].issue" in error.field]
    assert any(all(piece in str(error) for piece in expected.split("*")) for error in errors)


@pytest.mark.both_databases
def test_the_issue_of_a_step_is_stored_by_the_key_of_its_tracker(harness: ConfigHarness) -> None:
    """Whatever address it was written with."""
    measure = "{kind: steps, steps: [{name: A, issue: 'acme-jira:https://acme.atlassian.net/browse/shop-7'}]}"
    text = replace(EXAMPLE, ("{kind: done-share, weight: points, unestimated: 1}", measure))
    harness.apply(text)
    (stored,) = harness.rows(sa.select(t.key_result.c.measure).where(t.key_result.c.slug == "KR-1"))
    assert stored[0]["steps"] == [{"name": "A", "issue": "acme-jira:SHOP-7"}]
    assert harness.apply(text).lines() == ["nothing to change"]


def summing(roll_up: str, unit: str, *, counts: str = "true") -> str:
    """Return a file with an objective that sums up, and one below it in another file."""
    return f"""\
objectives:
  - slug: below
    title: Below
    cycle: 2026-q4
    parent: fast-checkout
    counts: {counts}
    roll_up: {roll_up}
    key_results:
      - {{slug: KR-9, title: T, unit: "{unit}", measure: {{kind: manual}}, start: 0, target: 9}}
"""


def test_a_sum_takes_aligned_objectives_only_with_the_same_unit_and_sums_of_their_own(
    sqlite_harness: MakeHarness,
) -> None:
    """Also where the objective above is stored already: then the one below names it."""
    top = replace(SUM, ("target: 5\n", "target: 5\n        unit: '%'\n"))
    (error,) = sqlite_harness().errors(top, summing("sum", "bugs"))
    assert error.found == "sum over 2 units (%: KR-1, KR-2; bugs: KR-9)"
    (error,) = sqlite_harness().errors(top, summing("weakest", "%"))
    assert error.found == "sum with below, which rolls up as weakest"
    harness = sqlite_harness()
    harness.apply(top)
    (error,) = harness.errors(summing("sum", "bugs"))
    assert (error.field, error.found) == (
        "objectives[0].counts",
        "sum over 2 units (%: KR-1, KR-2; bugs: KR-9), for fast-checkout",
    )
    harness.apply(summing("weakest", "bugs", counts="false"))
    harness.apply(summing("sum", "%"))


def aligned(count: int, *, in_a_circle: bool = False) -> str:
    """Return a file with objectives and teams, each below the one before; the first below none, or below the last."""
    lines = ["teams:"]
    for number in range(count):
        above = number - 1 if number else count - 1
        parent = f", parent: t{above}" if number or in_a_circle else ""
        lines.append(f"  - {{slug: t{number}, name: T{parent}}}")
    lines.append("objectives:")
    for number in range(count):
        above = number - 1 if number else count - 1
        parent = f", parent: o{above}, counts: true" if number or in_a_circle else ""
        lines.append(
            f"  - {{slug: o{number}, title: O, cycle: 2026-q4, owner: ana@example.com, team: t{number}{parent}, "
            f"roll_up: sum, key_results: [{{slug: S-{number}, title: K, target: 10, measure: {{kind: manual}}}}]}}"
        )
    return "\n".join(lines)


@pytest.mark.slow
def test_alignment_may_be_deeper_than_the_stack(sqlite_harness: MakeHarness) -> None:
    """A sum over all of it is found, and a circle of it is an error with the path."""
    harness = sqlite_harness()
    harness.apply(EXAMPLE)
    teams, objectives = harness.errors(aligned(50, in_a_circle=True))
    assert teams.found.startswith("a circle: t0 → t49 → t48 → ")
    assert objectives.found.startswith("a circle: o0 → o49 → o48 → ")
    errors = harness.errors(aligned(950).replace("S-949, title: K", "S-949, title: K, unit: bugs"))
    assert errors[0].found.startswith("sum over 2 units (no unit: S-0, S-1, ")
    assert errors[0].found.endswith(" and 929 more; bugs: S-949)")
    harness.apply(aligned(350))
    with reading(harness.engine) as tx:
        first = tx.scalars(sa.select(t.objective.c.id).where(t.objective.c.slug == "o0")).one()
        (found,) = roll_ups(tx, [first]).values()
    assert (found.progress, found.without_data) == (None, 2)
