"""GitHub's limits as calls meet them: whose they are, and until when."""

from datetime import timedelta

import pytest

from simulator.github import Rules
from simulator.github.model.repository import Repository
from sync_service.domain.trackers.connector import Unavailable
from tests.connectors.github.app_fixture import START, GitHubAppFixture


def limited(town: GitHubAppFixture, place: Repository | None = None) -> Unavailable:
    """Look, and give the limit that was met."""
    with pytest.raises(Unavailable) as caught:
        town.fetch_issue(place)
    return caught.value


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("skew", [0, -3000, 3000])
def test_an_installation_s_used_up_limit_waits_for_its_reset(town: GitHubAppFixture, status: int, skew: float) -> None:
    """Told by GitHub's clock, kept by ours; other installations go on."""
    other = town.repository("umbrella/ledger")
    here, there = town.app.install(), town.app.install(account=other.owner)
    town.ours.step(skew)
    town.fetch_issue()
    town.fetch_issue(other)
    town.hub.limits.switch_on(Rules(core=2, status=403 if status == 403 else 429))
    town.fetch_issue()
    town.fetch_issue()
    met = limited(town)
    assert met.bucket == town.bucket_for() == f"installation {here.id}/core"
    assert met.retry_at == town.ours() + timedelta(hours=1)
    assert not met.guessed
    town.fetch_issue(other)
    assert town.bucket_for(other) == f"installation {there.id}/core"


@pytest.mark.parametrize("skew", [0, -7200, 7200])
def test_a_worker_that_knows_no_installation_yet_meets_its_limit_but_once(town: GitHubAppFixture, skew: float) -> None:
    """And finds others all the same; after the reset it goes on, whatever our clock shows."""
    town.ours.step(skew)
    other = town.repository("umbrella/ledger")
    here = town.app.install()
    town.app.install(account=other.owner)
    town.fetch_issue()
    town.connector = town.new_connector()
    assert town.bucket_for() == "app/core"
    town.hub.limits.switch_on(Rules(core=20))
    town.hub.limits.spend(f"installation ID {here.id}", "core", 20)
    town.forget_calls()
    for _ in range(3):
        assert limited(town).bucket == f"installation {here.id}/core"
    assert town.calls("/installation/repositories").count(403) == 1
    assert town.fetch_issue(other).key == "umbrella/ledger#1"
    town.step(3601)
    assert town.fetch_issue().key == "acme/checkout#1"


@pytest.mark.parametrize("retry_after", [True, False])
def test_a_secondary_limit_holds_for_the_whole_installation(town: GitHubAppFixture, *, retry_after: bool) -> None:
    """For as long as it says, else for a minute, which is our guess."""
    here = town.app.install()
    town.fetch_issue()
    town.hub.limits.block(40, retry_after=retry_after)
    met = limited(town)
    assert (met.bucket, met.guessed) == (f"installation {here.id}", not retry_after)
    assert met.retry_at == START + timedelta(seconds=40 if retry_after else 60)


def test_a_limit_of_the_app_itself_is_its_own(town: GitHubAppFixture) -> None:
    """It is met where a token is made."""
    town.app.install()
    town.hub.limits.block(40, bucket=f"app ID {town.app.id}")
    met = limited(town)
    assert (met.bucket, met.retry_at) == ("app", START + timedelta(seconds=40))
