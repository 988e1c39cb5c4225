"""Rate limits of GitHub: which bucket they block, and until when."""

from datetime import timedelta

import pytest

from simulator.github import Rules
from simulator.github.model.repository import Repository
from sync_service.domain.trackers.connector import Unavailable
from tests.connectors.github.app_fixture import START, GitHubAppFixture


def rate_limit(harness: GitHubAppFixture, repository: Repository | None = None) -> Unavailable:
    """Fetch an issue and return the rate limit error."""
    with pytest.raises(Unavailable) as caught:
        harness.fetch_issue(repository)
    return caught.value


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("skew", [0, -3000, 3000])
def test_an_installation_s_used_up_limit_waits_for_its_reset(
    harness: GitHubAppFixture, status: int, skew: float
) -> None:
    """The time is by GitHub's clock and is converted to ours. Other installations continue."""
    other = harness.repository("umbrella/ledger")
    here, there = harness.app.install(), harness.app.install(account=other.owner)
    harness.own_clock.step(skew)
    harness.fetch_issue()
    harness.fetch_issue(other)
    harness.hub.limits.switch_on(Rules(core=2, status=403 if status == 403 else 429))
    harness.fetch_issue()
    harness.fetch_issue()
    met = rate_limit(harness)
    assert met.bucket == harness.bucket_for() == f"installation {here.id}/core"
    assert met.retry_at == harness.own_clock() + timedelta(hours=1)
    assert not met.guessed
    harness.fetch_issue(other)
    assert harness.bucket_for(other) == f"installation {there.id}/core"


@pytest.mark.parametrize("skew", [0, -7200, 7200])
def test_a_new_worker_meets_the_limit_of_an_installation_once(harness: GitHubAppFixture, skew: float) -> None:
    """It still finds the other installations. After the reset it continues, whatever our clock shows."""
    harness.own_clock.step(skew)
    other = harness.repository("umbrella/ledger")
    here = harness.app.install()
    harness.app.install(account=other.owner)
    harness.fetch_issue()
    harness.connector = harness.new_connector()
    assert harness.bucket_for() == "app/core"
    harness.hub.limits.switch_on(Rules(core=20))
    harness.hub.limits.spend(f"installation ID {here.id}", "core", 20)
    harness.forget_calls()
    for _ in range(3):
        assert rate_limit(harness).bucket == f"installation {here.id}/core"
    assert harness.calls("/installation/repositories").count(403) == 1
    assert harness.fetch_issue(other).key == "umbrella/ledger#1"
    harness.step(3601)
    assert harness.fetch_issue().key == "acme/checkout#1"


@pytest.mark.parametrize("retry_after", [True, False])
def test_a_secondary_limit_holds_for_the_whole_installation(harness: GitHubAppFixture, *, retry_after: bool) -> None:
    """For the time that GitHub sends, otherwise for our guess of a minute."""
    here = harness.app.install()
    harness.fetch_issue()
    harness.hub.limits.block(40, retry_after=retry_after)
    met = rate_limit(harness)
    assert (met.bucket, met.guessed) == (f"installation {here.id}", not retry_after)
    assert met.retry_at == START + timedelta(seconds=40 if retry_after else 60)


def test_a_limit_of_the_app_has_its_own_bucket(harness: GitHubAppFixture) -> None:
    """It occurs when a token is created."""
    harness.app.install()
    harness.hub.limits.block(40, bucket=f"app ID {harness.app.id}")
    met = rate_limit(harness)
    assert (met.bucket, met.retry_at) == ("app", START + timedelta(seconds=40))
