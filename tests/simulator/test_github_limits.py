"""How much may be asked of the simulated GitHub, and how it says that it was too much."""

import pytest

from simulator import GitHub, SteppedClock
from simulator.github import Repository, Rules
from tests.simulator.asking import ask, mint
from tests.simulator.schemas import check_answer

ISSUE = "/repos/acme/checkout/issues/1"
WRITE = "/repos/acme/checkout/issues/1/sub_issues"


@pytest.fixture
def place(hub: GitHub) -> Repository:
    """Give a repository with an issue."""
    place = hub.repository("checkout")
    place.create_issue("Pay")
    return place


def test_nothing_is_limited_until_it_is_switched_on(hub: GitHub, place: Repository) -> None:
    """The headers are there all the same."""
    answers = [ask(hub, ISSUE) for _ in range(3)]
    assert {answer.headers["x-ratelimit-remaining"] for answer in answers} == {"5000"}
    assert answers[0].headers["x-ratelimit-resource"] == "core"


@pytest.mark.parametrize("status", [403, 429])
def test_the_primary_limit_is_refused_until_its_reset(
    hub: GitHub, place: Repository, clock: SteppedClock, status: int
) -> None:
    """With 403 or 429, nothing left, and the time of the reset; each credential has its own."""
    hub.limits.switch_on(Rules(core=2, status=403 if status == 403 else 429))
    other = hub.add_token("bruno").text
    answers = [ask(hub, ISSUE) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, status]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert [answer.headers["x-ratelimit-used"] for answer in answers] == ["1", "2", "2"]
    assert answers[2].headers["x-ratelimit-reset"] == str(int(clock().timestamp()) + 3600)
    assert answers[2].json()["message"] == f"API rate limit exceeded for user ID {hub.actor.id}."
    assert "Retry-After" not in answers[2].headers
    assert ask(hub, ISSUE, token=other).status_code == 200
    clock.step(3600)
    assert ask(hub, ISSUE).status_code == 200


def test_what_is_left_can_be_asked_for_nothing(hub: GitHub, place: Repository) -> None:
    """And an answer that was spared costs nothing either."""
    hub.limits.switch_on()
    tag = ask(hub, ISSUE).headers["ETag"]
    spared = ask(hub, ISSUE, If_None_Match=tag)
    assert (spared.status_code, spared.headers["x-ratelimit-used"]) == (304, "1")
    left = check_answer(ask(hub, "/rate_limit"), "/rate_limit")
    assert (left["resources"]["core"]["remaining"], left["resources"]["graphql"]["used"]) == (4999, 0)
    assert "rate" not in ask(hub, "/rate_limit", X_GitHub_Api_Version="2026-03-10").json()
    hub.limits.switch_off()
    assert ask(hub, "/rate_limit").json()["resources"]["core"]["remaining"] == 5000


def test_an_installation_may_ask_more_for_many_repositories(hub: GitHub) -> None:
    """5,000 and 50 for each beyond the twentieth, 12,500 at most; its user's own allowance is another."""
    for number in range(25):
        hub.repository(f"place-{number}").create_issue("Pay")
    installation = hub.create_app(permissions={"issues": "read"}).install()
    token = mint(installation).json()["token"]
    hub.limits.switch_on()
    answer = ask(hub, "/repos/acme/place-1/issues/1", token=token)
    assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-used"]) == ("5250", "1")
    for number in range(25, 200):
        hub.repository(f"place-{number}")
    assert ask(hub, "/rate_limit", token=token).json()["resources"]["core"]["limit"] == 12_500
    hub.limits.switch_on(Rules(core=1))
    hub.limits.block(60, allowance=f"installation ID {installation.id}")
    assert ask(hub, "/repos/acme/place-1/issues/1", token=token).status_code == 403
    assert ask(hub, "/repos/acme/place-1/issues/1").status_code == 200


@pytest.mark.parametrize("retry_after", [True, False])
def test_who_asks_too_fast_is_held_off_for_a_while(
    hub: GitHub, place: Repository, clock: SteppedClock, *, retry_after: bool
) -> None:
    """By a secondary limit, which may or may not say for how long; of the primary one much is left."""
    hub.limits.switch_on(Rules(points_per_minute=7, retry_after=retry_after))
    assert ask(hub, WRITE, method="POST", json={}).status_code == 404
    assert [ask(hub, ISSUE).status_code for _ in range(2)] == [200, 200]
    refused = ask(hub, ISSUE)
    assert (refused.status_code, refused.headers.get("Retry-After")) == (403, "60" if retry_after else None)
    assert refused.json()["message"].startswith("You have exceeded a secondary rate limit. Please wait")
    assert int(refused.headers["x-ratelimit-remaining"]) > 4000
    clock.step(59)
    assert ask(hub, ISSUE).status_code == 403
    clock.step(1)
    assert ask(hub, ISSUE).status_code == 200


def test_who_writes_too_much_may_still_read(hub: GitHub, place: Repository, clock: SteppedClock) -> None:
    """Content is limited by the minute and by the hour."""
    hub.limits.switch_on(Rules(writes_per_minute=2, writes_per_hour=3))

    def write() -> int:
        return ask(hub, WRITE, method="POST", json={}).status_code

    assert [write() for _ in range(3)] == [404, 404, 403]
    assert ask(hub, ISSUE).status_code == 200
    clock.step(61)
    assert [write() for _ in range(2)] == [404, 403]
    clock.step(3600)
    assert write() == 404


def test_a_block_of_content_lasts_as_long_as_asked(hub: GitHub, place: Repository, clock: SteppedClock) -> None:
    """Even where nothing else is limited; in GitHub's words, with the whole quota left."""
    hub.limits.block(72, writes_only=True)
    refused = ask(hub, WRITE, method="POST", json={})
    assert (refused.status_code, refused.headers["Retry-After"]) == (403, "72")
    assert "temporarily blocked from content creation" in refused.json()["message"]
    assert refused.headers["x-ratelimit-remaining"] == "5000"
    assert ask(hub, ISSUE).status_code == 200
    clock.step(71.5)
    assert ask(hub, WRITE, method="POST", json={}).headers["Retry-After"] == "1"
    clock.step(0.5)
    assert ask(hub, WRITE, method="POST", json={}).status_code == 404
    hub.limits.block(3600)
    hub.limits.switch_off()
    assert ask(hub, ISSUE).status_code == 200
