"""What an examination of a connection makes of GitHub's answers that no simulation gives."""

import pytest
import responses

import connectors.github
from connectors.http import HttpClient
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.diagnostics import Finding

SITE = "https://api.github.com"


def by_answers(mock: responses.RequestsMock, *, scopes: tuple[str, ...] = ("acme/checkout",)) -> list[Finding]:
    """Examine a connection to a GitHub that answers as a test says, and 404 to the rest."""
    mock.add_passthru("http://127.0.0.1")
    connection = Connection(slug="here", site=SITE, hook_url="https://okr.example.com/hooks/here", token="t")
    return list(connectors.github.GitHub(HttpClient()).check_connection(connection, scopes=scopes, hooked=True))


def hook(**columns: object) -> dict[str, object]:
    """Give a webhook that leads to us."""
    config = {"url": "https://okr.example.com/hooks/here/", "content_type": "json", "insecure_ssl": "0"}
    return {"id": 7, "active": True, "events": ["*"], "config": config} | columns


@pytest.mark.parametrize(
    ("last", "well", "says"),
    [
        ({"code": 401, "status": "unauthorized"}, False, "the last delivery was answered 401"),
        ({"code": 202, "status": "active"}, True, "the last delivery was answered 202"),
        ({"code": None, "status": "unused"}, None, "can't read what happened"),
    ],
)
def test_without_the_list_of_deliveries_the_last_response_tells(
    last: dict[str, object],
    well: bool | None,  # noqa: FBT001 - a parameter of the test
    says: str,
) -> None:
    """It stands in the webhook itself; an installation's token is nobody's and does all the same."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(f"{SITE}/user", status=403, json={"message": "Resource not accessible by integration"})
        mock.get(f"{SITE}/rate_limit", status=404, json={})
        mock.get(f"{SITE}/repos/acme/checkout", json={"full_name": "acme/checkout", "has_issues": False})
        mock.get(f"{SITE}/repos/acme/checkout/issues", json=[])
        mock.get(f"{SITE}/repos/acme/checkout/pulls/1", status=404, json={})
        mock.get(f"{SITE}/repos/acme/checkout/hooks", json=[hook(last_response=last)])
        mock.get(f"{SITE}/repos/acme/checkout/hooks/7/deliveries", status=403, json={})
        found = by_answers(mock)
    said = [(one.what, one.well) for one in found]
    assert ("credentials", True) in said
    assert ("limit", True) in said
    assert ("acme/checkout", None) in said
    assert (found[-1].what, found[-1].well) == ("webhook of acme/checkout", well)
    assert says in found[-1].says


def test_a_repository_that_is_forbidden_is_told_by_itself() -> None:
    """In GitHub's words, with what to do; the others are looked at all the same."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(f"{SITE}/user", json={"login": "ana"})
        mock.get(f"{SITE}/rate_limit", json={"resources": {}})
        words = "Resource protected by organization SAML enforcement."
        mock.get(f"{SITE}/repos/acme/checkout", status=403, json={"message": words})
        mock.get(f"{SITE}/repos/acme/checkout/hooks", json=[hook()])
        mock.get(f"{SITE}/repos/acme/checkout/hooks/7/deliveries", json=[])
        found = by_answers(mock)
    (forbidden,) = [one for one in found if one.what == "acme/checkout"]
    assert (forbidden.well, words in forbidden.says) == (False, True)
    assert "give the token or app access to it" in (forbidden.mend or "")
    assert found[-1].what == "webhook of acme/checkout"


def test_a_webhook_that_checks_no_certificate_or_rests_is_told() -> None:
    """The one is worth knowing, of the other nothing came lately."""
    config = {"url": "https://okr.example.com/hooks/here", "insecure_ssl": "1"}
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(f"{SITE}/user", json={"login": "ana"}, headers={"github-authentication-token-expiration": "odd"})
        mock.get(f"{SITE}/rate_limit", json={"resources": {}})
        mock.get(f"{SITE}/repos/acme/checkout", json={})
        mock.get(f"{SITE}/repos/acme/checkout/issues", json=[])
        mock.get(f"{SITE}/repos/acme/checkout/pulls/1", json={})
        mock.get(f"{SITE}/repos/acme/checkout/hooks", json=[hook(config=config)])
        mock.get(f"{SITE}/repos/acme/checkout/hooks/7/deliveries", json=[])
        found = by_answers(mock)
    assert [(one.well, one.says) for one in found[-2:]] == [
        (None, "sends to OKR Sync, and does not check our certificate"),
        (None, "has sent nothing in the last days"),
    ]
