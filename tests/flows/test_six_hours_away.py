"""After six hours without the service and hundreds of changes in a simulated GitHub, all values become right again.

`make faults` has 5,000 changes.
"""

import random
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from simulator import GitHub, SteppedClock
from simulator.github.model.issue import Issue
from sync_service.runtime.wiring import Services, utc_now
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.queue import scheduled_tasks
from tests.faults.conftest import LONG
from tests.faults.tracker_pair import receiving
from tests.flows.harness import GitHubHarness
from tests.support.config_file import github, okrs

pytestmark = pytest.mark.slow

AWAY = timedelta(hours=6)
CHANGES = 5000 if LONG else 500
ISSUES = 600 if LONG else 60


@pytest.fixture
def harness(
    services: Services, hub: GitHub, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GitHubHarness]:
    """Yield the harness, with a base URL to which webhooks can be posted."""
    monkeypatch.setattr("connectors.github.redelivery.redeliver.APART_SECONDS", 0)
    if not LONG:
        monkeypatch.setattr("connectors.github.redelivery.redeliver.MOST_PAGES", 2)
    with receiving(services) as address:
        services.connections.base_url = address
        yield GitHubHarness(services, hub, clock)


def make_changes(harness: GitHubHarness, issues: list[Issue], chance: random.Random) -> Counter[str]:
    """Make random changes that are not delivered, for six hours; return the number of changes by kind."""
    attic, done = harness.hub.repository("attic"), Counter[str]()
    harness.hub.webhooks.lose_next(3 * CHANGES)
    for number in range(CHANGES):
        harness.clock.step(AWAY.total_seconds() / CHANGES)
        issue, chance_value = chance.choice(issues), chance.random()
        if chance_value < 0.01:
            done["deleted"] += 1
            issues.remove(issue)
            issue.delete()
        elif chance_value < 0.02:
            done["transferred"] += 1
            issues.remove(issue)
            issue.transfer(attic)
        elif chance_value < 0.2:
            done["relabelled"] += 1
            has_label = "checkout" in {label.name for label in issue.labels}
            (issue.unlabel if has_label else issue.label)("checkout")
        elif chance_value < 0.3:
            done["renamed"] += 1
            issue.edit(title=f"Pay, and {number}")
        elif issue.state == "closed":
            done["reopened"] += 1
            issue.reopen()
        else:
            done["closed"] += 1
            issue.close(reason=chance.choice(["completed", "not_planned", "duplicate"]))
        if number == CHANGES // 2:
            harness.repository.rename("shop")
            harness.repository.label("spare").rename("checkout, too")
    return done


def expected(issues: list[Issue]) -> float:
    """Return the expected value of the key result, from GitHub's own state."""
    counted = [one for one in issues if "checkout" in {label.name for label in one.labels}]
    counted = [one for one in counted if one.state_reason not in ("not_planned", "duplicate")]
    return 100 * sum(one.state == "closed" for one in counted) / len(counted)


def test_after_six_hours_away_every_value_is_right_within_the_rate_limits(harness: GitHubHarness) -> None:
    """One poll, its fetches and one redelivery are enough. The outcomes have the number of missed changes."""
    chance = random.Random(4)  # noqa: S311 - a seed makes it repeatable
    issues = harness.open_issues(ISSUES)
    issues[0].label("spare")
    harness.hub.add_hook(url=f"{harness.services.connections.base_url}/hooks/gh", secret="hush-hush")
    harness.apply(okrs(github(harness.hub, earlier="import")))
    harness.drain()
    harness.clock.step((utc_now() - AWAY - harness.clock()).total_seconds())
    with writing(harness.services.engine) as tx:
        six_hours_ago = utc_now() - AWAY
        tx.execute(sa.update(tables.poll).values(done_at=six_hours_ago))
        tx.execute(sa.update(tables.issue).values(seen_at=six_hours_ago))
    done = make_changes(harness, issues, chance)
    harness.hub.webhooks._faults.clear()
    harness.hub.limits.switch_on()
    harness.hub.rest.calls.clear()
    with writing(harness.services.engine) as tx:
        scheduled_tasks.hurry(tx)
    harness.poll_now()
    assert harness.key_result().current == pytest.approx(expected(issues))
    gone = Counter(str(row.gone_reason).split()[0] for row in harness.rows(tables.issue) if row.gone_reason)
    assert gone == {"deleted": done["deleted"], "moved": done["transferred"]}
    statuses = Counter(call.status for call in harness.hub.rest.calls)
    assert set(statuses) <= {200, 202, 301, 410}
    assert sum(statuses.values()) < (500 if LONG else 100)
    assert {row.title for row in harness.rows(tables.issue) if not row.gone_reason} == {one.title for one in issues}
    (poll,) = harness.rows(tables.poll)
    found = re.fullmatch(
        r"(\d+) issues seen, (\d+) new or changed; (\d+) not seen for long, to be fetched", poll.outcome
    )
    assert found
    assert int(found[2]) > ISSUES / 2
    assert int(found[3]) >= done["deleted"] + done["transferred"]
    outcome = next(str(row.outcome) for row in harness.rows(tables.scheduled_task) if row.name == "redeliver")
    missing = re.match(r"8 failed deliveries requested again, (\d+) still missing, 0 given up", outcome)
    assert missing
    assert int(missing[1]) > 0.38 * CHANGES
    assert outcome.endswith("; the list is longer, and is read once these have arrived")
    with writing(harness.services.engine) as tx:
        scheduled_tasks.hurry(tx)
    harness.drain()
    outcome = next(str(row.outcome) for row in harness.rows(tables.scheduled_task) if row.name == "redeliver")
    assert "; 8 have arrived since" in outcome
    assert harness.key_result().current == pytest.approx(expected(issues)), "old letters change nothing"
