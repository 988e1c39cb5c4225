"""The OAuth server refuses what the real one refuses."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from simulator import Jira, SteppedClock
from simulator.jira import Atlassian

BACK = "http://127.0.0.1:1/back"
CLIENT = {"client_id": "simulated-client", "client_secret": "simulated-client-secret"}


@pytest.fixture
def atlassian(clock: SteppedClock) -> Iterator[Atlassian]:
    """Return an OAuth server with one site."""
    with Jira(clock=clock, background=False) as site, Atlassian({"cloud-7": site}, clock=clock) as found:
        yield found


def exchange(atlassian: Atlassian, **payload: str) -> requests.Response:
    """Request tokens."""
    return requests.post(f"{atlassian.url}/oauth/token", json={**CLIENT, **payload}, timeout=10)


def code_of(atlassian: Atlassian) -> str:
    """Consent; return the code."""
    form = {"redirect_uri": BACK, "state": "s"}
    answer = requests.post(f"{atlassian.url}/authorize", data=form, allow_redirects=False, timeout=10)
    assert answer.headers["Location"].startswith(f"{BACK}?state=s&code=")
    return answer.headers["Location"].partition("code=")[2]


def given(atlassian: Atlassian) -> dict[str, Any]:
    """Consent; return the tokens."""
    answer = exchange(atlassian, grant_type="authorization_code", code=code_of(atlassian), redirect_uri=BACK)
    found: dict[str, Any] = answer.json()
    return found


def test_a_code_is_good_once_and_for_its_own_address(atlassian: Atlassian) -> None:
    """A second use fails."""
    code = code_of(atlassian)
    assert exchange(atlassian, grant_type="authorization_code", code=code, redirect_uri=BACK).ok
    assert exchange(atlassian, grant_type="authorization_code", code=code, redirect_uri=BACK).status_code == 403
    other = code_of(atlassian)
    assert exchange(atlassian, grant_type="authorization_code", code=other, redirect_uri="http://x").status_code == 403


def test_another_client_gets_nothing(atlassian: Atlassian) -> None:
    """Neither a page nor tokens."""
    wrong = {**CLIENT, "client_secret": "guessed"}
    assert requests.post(f"{atlassian.url}/oauth/token", json=wrong, timeout=10).status_code == 401
    assert requests.post(f"{atlassian.url}/oauth/token", data=b"{", timeout=10).status_code == 400
    assert requests.get(f"{atlassian.url}/authorize?client_id=other", timeout=10).status_code == 400


def test_a_refresh_token_is_good_for_one_renewal_and_ten_minutes_more(
    atlassian: Atlassian, clock: SteppedClock
) -> None:
    """A later use ends the whole grant."""
    first = given(atlassian)["refresh_token"]
    second = exchange(atlassian, grant_type="refresh_token", refresh_token=first).json()["refresh_token"]
    clock.step(9 * 60)
    assert exchange(atlassian, grant_type="refresh_token", refresh_token=first).ok
    clock.step(2 * 60)
    assert exchange(atlassian, grant_type="refresh_token", refresh_token=first).status_code == 403
    assert exchange(atlassian, grant_type="refresh_token", refresh_token=second).status_code == 403


def test_a_consent_ends_after_ninety_idle_days(atlassian: Atlassian, clock: SteppedClock) -> None:
    """After 90 days without a refresh."""
    refresh = given(atlassian)["refresh_token"]
    clock.step(timedelta(days=91).total_seconds())
    assert exchange(atlassian, grant_type="refresh_token", refresh_token=refresh).status_code == 403


def test_the_gateway_takes_tokens_of_the_hour_for_its_sites(atlassian: Atlassian, clock: SteppedClock) -> None:
    """An expired one, none, and another site get nothing."""
    bearer = {"Authorization": f"Bearer {given(atlassian)['access_token']}"}
    sites = requests.get(f"{atlassian.url}/oauth/token/accessible-resources", headers=bearer, timeout=10).json()
    assert [site["id"] for site in sites] == ["cloud-7"]
    myself = f"{atlassian.url}/ex/jira/cloud-7/rest/api/3/myself"
    assert "accountId" in requests.get(myself, headers=bearer, timeout=10).json()
    assert requests.get(myself.replace("cloud-7", "cloud-8"), headers=bearer, timeout=10).status_code == 404
    assert requests.get(myself, timeout=10).status_code == 401
    clock.step(3601)
    assert requests.get(myself, headers=bearer, timeout=10).status_code == 401
