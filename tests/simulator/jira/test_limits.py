"""Rate limits of the simulated Jira."""

from datetime import timedelta

import pytest
import requests
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from simulator import Jira, SteppedClock
from simulator.jira.limits import BURST, PER_ISSUE, QUOTA, Limits, Refusal, Rules


def ask(jira: Jira, path: str = "3/myself", *, method: str = "GET") -> requests.Response:
    """Call with valid credentials, of Cloud or of Data Center."""
    auth = None if jira.data_center else (jira.email, jira.token)
    headers = {"Authorization": f"Bearer {jira.token}"} if jira.data_center else {}
    return requests.request(method, f"{jira.url}/rest/api/{path}", auth=auth, headers=headers, timeout=5)


def test_nothing_is_limited_until_it_is_switched_on(jira: Jira) -> None:
    """And there is no rate limit header."""
    answer = ask(jira)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if "RateLimit" in name]


def test_a_quota_is_a_wall_until_the_next_hour(jira: Jira, clock: SteppedClock) -> None:
    """A call costs a point and one for each object; the response says when the hour ends."""
    jira.limits.switch_on(Rules(points_per_hour=10))
    jira.project("SHOP").create_issue("Pay")
    left = [ask(jira, "3/issue/SHOP-1").headers["X-RateLimit-Remaining"] for _ in range(5)]
    assert left == ["8", "6", "4", "2", "0"]
    refused = ask(jira)
    assert (refused.status_code, refused.headers["RateLimit-Reason"]) == (429, QUOTA)
    assert refused.headers["X-RateLimit-Reset"] == "2026-11-23T11:00Z"
    assert refused.headers["Retry-After"] == "3600"
    assert refused.headers["X-RateLimit-NearLimit"] == "true"
    clock.step(3600)
    assert ask(jira).status_code == 200
    jira.limits.switch_off()
    assert "X-RateLimit-Limit" not in ask(jira).headers


def test_beta_limits_only_send_headers(jira: Jira) -> None:
    """By headers that begin with Beta."""
    jira.limits.switch_on(Rules(points_per_hour=1, beta=True))
    answers = [ask(jira) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert answers[-1].headers["Beta-RateLimit-Remaining"] == "0"


def test_a_burst_stops_one_endpoint(jira: Jira, clock: SteppedClock) -> None:
    """For any issue; other endpoints work."""
    jira.limits.switch_on(Rules(reads_per_second=2))
    shop = jira.project("SHOP")
    for _ in range(3):
        shop.create_issue("Pay")
    answers = [ask(jira, f"3/issue/SHOP-{number}") for number in (1, 2, 3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (answers[2].headers["RateLimit-Reason"], answers[2].headers["Retry-After"]) == (BURST, "1")
    assert ask(jira).status_code == 200
    clock.step(1)
    assert ask(jira, "3/issue/SHOP-3").status_code == 200


def test_writes_to_one_issue_have_a_limit_of_their_own(clock: SteppedClock) -> None:
    """Reads are not limited, nor is another issue."""
    limits = Limits(clock, data_center=False)
    limits.switch_on(Rules(writes_per_issue=((2, timedelta(seconds=2)),)))

    def check(path: str, method: str = "POST") -> Refusal | None:
        return limits.check(Request(EnvironBuilder(path=f"/rest/api/3{path}", method=method).get_environ()))

    assert [check("/issue/1/comment") for _ in range(2)] == [None, None]
    refusal = check("/issue/1/remotelink")
    assert refusal is not None
    assert refusal.reason == PER_ISSUE
    assert [check("/issue/2/comment"), check("/issue/1", "GET"), check("/issue/bulkfetch")] == [None] * 3
    clock.step(2)
    assert check("/issue/1/comment") is None


@pytest.mark.parametrize("face", ["cloud", "data center"])
def test_a_block_by_hand_holds_for_its_time(face: str, clock: SteppedClock) -> None:
    """With Jira's headers, or without any, as by a gateway."""
    with Jira(data_center=face == "data center", background=False, clock=clock) as jira:
        jira.limits.block(30, reason=PER_ISSUE, path="/myself")
        refused = ask(jira, "2/myself")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
        assert refused.headers.get("RateLimit-Reason") == (None if jira.data_center else PER_ISSUE)
        assert ask(jira, "2/serverInfo").status_code == 200
        jira.limits.block(30, path="/serverInfo", with_headers=False)
        assert not [name for name in ask(jira, "2/serverInfo").headers if name.startswith(("Retry", "Rate", "X-Rate"))]
        clock.step(30)
        assert ask(jira, "2/myself").status_code == 200


def test_data_center_has_tokens_that_fill_up_again(data_center: Jira, clock: SteppedClock) -> None:
    """Each response has the remaining tokens and the fill rate."""
    data_center.limits.switch_on(Rules(tokens=2, fill=1, interval=timedelta(seconds=30)))
    answers = [ask(data_center, "2/myself") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert (answers[2].headers["X-RateLimit-Interval-Seconds"], answers[2].headers["Retry-After"]) == ("30", "30")
    clock.step(30)
    assert [ask(data_center, "2/myself").status_code for _ in range(2)] == [200, 429]
