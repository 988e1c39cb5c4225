"""OAuth 2.0 at Atlassian: the consent page, the exchange of the code, and the token refresh."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from connectors.http import HttpClient
from connectors.jira import Jira
from sync_service.domain.trackers.connector import Connection, OAuthClient, Refused, Rejected, Unavailable

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
TOKEN = "https://auth.atlassian.com/oauth/token"
SITES = "https://api.atlassian.com/oauth/token/accessible-resources"
CONNECTION = Connection(slug="j", site="https://acme.atlassian.net", client=OAuthClient("cid", "hush-hush"))
GIVEN = {"access_token": "a-1", "refresh_token": "r-1", "expires_in": 3600, "token_type": "Bearer"}
ACME = {"id": "cloud-7", "url": "https://ACME.atlassian.net", "name": "acme"}
BACK = "https://okr.example/connections/consented"


def jira() -> Jira:
    """Return the connector at noon."""
    return Jira(HttpClient(now=lambda: NOW))


def test_the_consent_page_lists_the_scopes_we_use() -> None:
    """Offline access gives the refresh token. Write scopes are requested only for write-back."""
    address = urlsplit(jira().authorization_url(CONNECTION, redirect=BACK, state="s"))
    params = parse_qs(address.query)
    assert f"{address.scheme}://{address.netloc}{address.path}" == "https://auth.atlassian.com/authorize"
    assert params == {
        "audience": ["api.atlassian.com"],
        "client_id": ["cid"],
        "scope": ["read:jira-work read:jira-user manage:jira-webhook offline_access"],
        "redirect_uri": [BACK],
        "state": ["s"],
        "response_type": ["code"],
        "prompt": ["consent"],
    }
    writing = replace(CONNECTION, writes_back=True)
    assert "write%3Ajira-work" in jira().authorization_url(writing, redirect=BACK, state="s")


@responses.activate
def test_the_code_becomes_tokens_for_the_connection_s_site() -> None:
    """The site is found by its URL among those that the person may use."""
    exchange = responses.post(TOKEN, json=GIVEN)
    responses.get(SITES, json=[{"id": "other", "url": "https://other.atlassian.net"}, ACME])
    found = jira().exchange_code(CONNECTION, code="c", redirect=BACK)
    assert (found.access, found.refresh, found.site_id) == ("a-1", "r-1", "cloud-7")
    assert found.expires_at == NOW + timedelta(hours=1)
    assert "a-1" not in repr(found)
    assert json.loads(exchange.calls[0].request.body or b"") == {
        "grant_type": "authorization_code",
        "client_id": "cid",
        "client_secret": "hush-hush",
        "code": "c",
        "redirect_uri": BACK,
    }
    assert "Authorization" not in exchange.calls[0].request.headers


@responses.activate
def test_a_consent_for_another_site_is_refused_by_name() -> None:
    """The error lists the chosen sites."""
    responses.post(TOKEN, json=GIVEN)
    responses.get(SITES, json=[{"id": "other", "url": "https://other.atlassian.net"}])
    with pytest.raises(Refused, match=r"for other sites \(https://other.atlassian.net\), not for https://acme"):
        jira().exchange_code(CONNECTION, code="c", redirect=BACK)
    responses.replace(responses.GET, SITES, json=[])
    with pytest.raises(Refused, match="none"):
        jira().exchange_code(CONNECTION, code="c", redirect=BACK)


@responses.activate
def test_a_token_refresh_makes_one_call_and_keeps_the_site() -> None:
    """The response invalidates the old refresh token, so nothing may fail before the new one is stored."""
    exchange = responses.post(TOKEN, json={**GIVEN, "refresh_token": "r-2", "expires_in": "soon"})
    found = jira().refresh_tokens(replace(CONNECTION, site_id="cloud-7"), refresh="r-1")
    assert (found.refresh, found.site_id, found.expires_at) == ("r-2", "cloud-7", NOW + timedelta(hours=1))
    assert json.loads(exchange.calls[0].request.body or b"")["refresh_token"] == "r-1"
    assert len(responses.calls) == 1


@responses.activate
@pytest.mark.parametrize("status", [400, 401, 403])
def test_an_ended_consent_is_refused_in_atlassian_s_words(status: int) -> None:
    """A person must consent again."""
    responses.post(TOKEN, status=status, json={"error": "invalid_grant", "error_description": "Unknown token."})
    with pytest.raises(Refused, match=rf"\({status}\): invalid_grant: Unknown token."):
        jira().refresh_tokens(replace(CONNECTION, site_id="cloud-7"), refresh="r-1")


@responses.activate
@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("body", ["<html>", "{}", '{"error": 7}', "[]"])
def test_a_response_outside_oauth_ends_no_consent(status: int, body: str) -> None:
    """A proxy may send its own error page. Otherwise a person would have to consent again for nothing."""
    responses.post(TOKEN, status=status, body=body)
    with pytest.raises(Unavailable, match=f"answers {status} without an OAuth error"):
        jira().refresh_tokens(replace(CONNECTION, site_id="cloud-7"), refresh="r-1")


@responses.activate
def test_outages_of_the_account_service_are_retried() -> None:
    """Its Retry-After is used."""
    responses.post(TOKEN, status=503, headers={"Retry-After": "30"})
    with pytest.raises(Unavailable) as error:
        jira().refresh_tokens(replace(CONNECTION, site_id="cloud-7"), refresh="r-1")
    assert error.value.retry_at == NOW + timedelta(seconds=30)


@responses.activate
def test_a_response_without_both_tokens_is_rejected() -> None:
    """Without offline access there is no refresh token."""
    for lack in ("access_token", "refresh_token"):
        responses.post(TOKEN, json={name: value for name, value in GIVEN.items() if name != lack})
        with pytest.raises(Rejected, match="no usable tokens"):
            jira().exchange_code(CONNECTION, code="c", redirect=BACK)


def test_a_connection_without_an_oauth_app_takes_no_consent() -> None:
    """A connection with one makes no call before the consent."""
    with pytest.raises(Refused, match="no OAuth app"):
        jira().authorization_url(replace(CONNECTION, client=None), redirect=BACK, state="s")
    with pytest.raises(Refused, match="nobody has consented yet"):
        jira().fetch_issue(CONNECTION, identity="1", key="SHOP-1")
    with pytest.raises(Refused, match="names no site"):
        jira().fetch_issue(replace(CONNECTION, token="a-1"), identity="1", key="SHOP-1")
