"""Rate limits of the simulated GitHub."""

import pytest

from simulator import GitHub, SteppedClock
from simulator.github import Repository, Rules
from tests.simulator.github.rest_client import call, create_token
from tests.simulator.openapi_schemas import check_answer

ISSUE = "/repos/acme/checkout/issues/1"
WRITE = "/repos/acme/checkout/issues/1/sub_issues"


@pytest.fixture
def repo(hub: GitHub) -> Repository:
    """Return a repository with an issue."""
    repo = hub.repository("checkout")
    repo.create_issue("Pay")
    return repo


def test_nothing_is_limited_until_it_is_switched_on(hub: GitHub, repo: Repository) -> None:
    """The headers are there all the same."""
    answers = [call(hub, ISSUE) for _ in range(3)]
    assert {answer.headers["x-ratelimit-remaining"] for answer in answers} == {"5000"}
    assert answers[0].headers["x-ratelimit-resource"] == "core"


@pytest.mark.parametrize("status", [403, 429])
def test_the_primary_limit_is_refused_until_its_reset(
    hub: GitHub, repo: Repository, clock: SteppedClock, status: int
) -> None:
    """With 403 or 429, nothing left, and the time of the reset; each credential has its own."""
    hub.limits.switch_on(Rules(core=2, status=403 if status == 403 else 429))
    other = hub.add_token("bruno").text
    answers = [call(hub, ISSUE) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, status]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert [answer.headers["x-ratelimit-used"] for answer in answers] == ["1", "2", "2"]
    assert answers[2].headers["x-ratelimit-reset"] == str(int(clock().timestamp()) + 3600)
    assert answers[2].json()["message"] == f"API rate limit exceeded for user ID {hub.actor.id}."
    assert "Retry-After" not in answers[2].headers
    assert call(hub, ISSUE, token=other).status_code == 200
    clock.step(3600)
    assert call(hub, ISSUE).status_code == 200


def test_the_rate_limit_call_costs_nothing(hub: GitHub, repo: Repository) -> None:
    """And a 304 costs nothing either."""
    hub.limits.switch_on()
    tag = call(hub, ISSUE).headers["ETag"]
    spared = call(hub, ISSUE, If_None_Match=tag)
    assert (spared.status_code, spared.headers["x-ratelimit-used"]) == (304, "1")
    left = check_answer(call(hub, "/rate_limit"), "/rate_limit")
    assert (left["resources"]["core"]["remaining"], left["resources"]["graphql"]["used"]) == (4999, 0)
    assert "rate" not in call(hub, "/rate_limit", X_GitHub_Api_Version="2026-03-10").json()
    hub.limits.switch_off()
    assert call(hub, "/rate_limit").json()["resources"]["core"]["remaining"] == 5000


def test_an_installation_may_ask_more_for_many_repositories(hub: GitHub) -> None:
    """5,000 and 50 for each beyond the twentieth, 12,500 at most; its user's own bucket is another."""
    for number in range(25):
        hub.repository(f"place-{number}").create_issue("Pay")
    installation = hub.create_app(permissions={"issues": "read"}).install()
    token = create_token(installation).json()["token"]
    hub.limits.switch_on()
    answer = call(hub, "/repos/acme/place-1/issues/1", token=token)
    assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-used"]) == ("5250", "1")
    for number in range(25, 200):
        hub.repository(f"place-{number}")
    assert call(hub, "/rate_limit", token=token).json()["resources"]["core"]["limit"] == 12_500
    hub.limits.switch_on(Rules(core=1))
    hub.limits.block(60, bucket=f"installation ID {installation.id}")
    assert call(hub, "/repos/acme/place-1/issues/1", token=token).status_code == 403
    assert call(hub, "/repos/acme/place-1/issues/1").status_code == 200


@pytest.mark.parametrize("retry_after", [True, False])
def test_who_asks_too_fast_is_held_off_for_a_while(
    hub: GitHub, repo: Repository, clock: SteppedClock, *, retry_after: bool
) -> None:
    """By a secondary limit, with or without Retry-After; the primary one has much left."""
    hub.limits.switch_on(Rules(points_per_minute=7, retry_after=retry_after))
    assert call(hub, WRITE, method="POST", json={}).status_code == 404
    assert [call(hub, ISSUE).status_code for _ in range(2)] == [200, 200]
    refused = call(hub, ISSUE)
    assert (refused.status_code, refused.headers.get("Retry-After")) == (403, "60" if retry_after else None)
    assert refused.json()["message"].startswith("You have exceeded a secondary rate limit. Please wait")
    assert int(refused.headers["x-ratelimit-remaining"]) > 4000
    clock.step(59)
    assert call(hub, ISSUE).status_code == 403
    clock.step(1)
    assert call(hub, ISSUE).status_code == 200


def test_who_writes_too_much_may_still_read(hub: GitHub, repo: Repository, clock: SteppedClock) -> None:
    """Writes are limited by the minute and by the hour."""
    hub.limits.switch_on(Rules(writes_per_minute=2, writes_per_hour=3))

    def write() -> int:
        return call(hub, WRITE, method="POST", json={}).status_code

    assert [write() for _ in range(3)] == [404, 404, 403]
    assert call(hub, ISSUE).status_code == 200
    clock.step(61)
    assert [write() for _ in range(2)] == [404, 403]
    clock.step(3600)
    assert write() == 404


def test_a_block_of_writes_lasts_as_long_as_set(hub: GitHub, repo: Repository, clock: SteppedClock) -> None:
    """Even without other limits; with GitHub's message, and the whole quota left."""
    hub.limits.block(72, writes_only=True)
    refused = call(hub, WRITE, method="POST", json={})
    assert (refused.status_code, refused.headers["Retry-After"]) == (403, "72")
    assert "temporarily blocked from content creation" in refused.json()["message"]
    assert refused.headers["x-ratelimit-remaining"] == "5000"
    assert call(hub, ISSUE).status_code == 200
    clock.step(71.5)
    assert call(hub, WRITE, method="POST", json={}).headers["Retry-After"] == "1"
    clock.step(0.5)
    assert call(hub, WRITE, method="POST", json={}).status_code == 404
    hub.limits.block(3600)
    hub.limits.switch_off()
    assert call(hub, ISSUE).status_code == 200
