"""Doctor checks of GitHub responses that the simulator does not give."""

import pytest
import responses

import connectors.github
from connectors.http import HttpClient
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.diagnostics import Finding

SITE = "https://api.github.com"


def findings_for(mock: responses.RequestsMock, *, scopes: tuple[str, ...] = ("acme/checkout",)) -> list[Finding]:
    """Check a connection to a GitHub with these responses, and 404 for the rest."""
    mock.add_passthru("http://127.0.0.1")
    connection = Connection(slug="here", site=SITE, hook_url="https://okr.example.com/hooks/here", token="t")
    return list(connectors.github.GitHub(HttpClient()).check_connection(connection, scopes=scopes, hooked=True))


def hook(**columns: object) -> dict[str, object]:
    """Return a webhook with our address."""
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
def test_without_a_list_of_deliveries_the_last_response_counts(
    last: dict[str, object],
    well: bool | None,  # noqa: FBT001 - a parameter of the test
    says: str,
) -> None:
    """The webhook itself contains it. The token of an installation belongs to no user and works as well."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(f"{SITE}/user", status=403, json={"message": "Resource not accessible by integration"})
        mock.get(f"{SITE}/rate_limit", status=404, json={})
        mock.get(f"{SITE}/repos/acme/checkout", json={"full_name": "acme/checkout", "has_issues": False})
        mock.get(f"{SITE}/repos/acme/checkout/issues", json=[])
        mock.get(f"{SITE}/repos/acme/checkout/pulls/1", status=404, json={})
        mock.get(f"{SITE}/repos/acme/checkout/hooks", json=[hook(last_response=last)])
        mock.get(f"{SITE}/repos/acme/checkout/hooks/7/deliveries", status=403, json={})
        found = findings_for(mock)
    results = [(one.what, one.well) for one in found]
    assert ("credentials", True) in results
    assert ("limit", True) in results
    assert ("acme/checkout", None) in results
    assert (found[-1].what, found[-1].well) == ("webhook of acme/checkout", well)
    assert says in found[-1].says


def test_a_forbidden_repository_is_reported_alone() -> None:
    """In GitHub's words, with a remedy. The other repositories are checked."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(f"{SITE}/user", json={"login": "ana"})
        mock.get(f"{SITE}/rate_limit", json={"resources": {}})
        words = "Resource protected by organization SAML enforcement."
        mock.get(f"{SITE}/repos/acme/checkout", status=403, json={"message": words})
        mock.get(f"{SITE}/repos/acme/checkout/hooks", json=[hook()])
        mock.get(f"{SITE}/repos/acme/checkout/hooks/7/deliveries", json=[])
        found = findings_for(mock)
    (forbidden,) = [one for one in found if one.what == "acme/checkout"]
    assert (forbidden.well, words in forbidden.says) == (False, True)
    assert "give the token or app access to it" in (forbidden.mend or "")
    assert found[-1].what == "webhook of acme/checkout"


def test_a_webhook_without_tls_verification_or_deliveries_is_reported() -> None:
    """Both are warnings."""
    config = {"url": "https://okr.example.com/hooks/here", "insecure_ssl": "1"}
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(f"{SITE}/user", json={"login": "ana"}, headers={"github-authentication-token-expiration": "odd"})
        mock.get(f"{SITE}/rate_limit", json={"resources": {}})
        mock.get(f"{SITE}/repos/acme/checkout", json={})
        mock.get(f"{SITE}/repos/acme/checkout/issues", json=[])
        mock.get(f"{SITE}/repos/acme/checkout/pulls/1", json={})
        mock.get(f"{SITE}/repos/acme/checkout/hooks", json=[hook(config=config)])
        mock.get(f"{SITE}/repos/acme/checkout/hooks/7/deliveries", json=[])
        found = findings_for(mock)
    assert [(one.well, one.says) for one in found[-2:]] == [
        (None, "sends to OKR Sync, and does not check our certificate"),
        (None, "has sent nothing in the last days"),
    ]


def others(page: int, count: int) -> list[dict[str, object]]:
    """Return the webhooks of one page that send elsewhere."""
    return [{"id": 1000 * page + number, "config": {"url": "https://ci.example.com"}} for number in range(count)]


def webhook_finding(pages: list[list[dict[str, object]]]) -> Finding:
    """Return what is said of the webhook of a repository whose webhooks take these pages."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(f"{SITE}/user", json={"login": "ana"})
        mock.get(f"{SITE}/rate_limit", json={"resources": {}})
        mock.get(f"{SITE}/repos/acme/checkout", json={})
        for page, rows in enumerate(pages, start=1):
            shown = responses.matchers.query_param_matcher({"per_page": "100", "page": str(page)})
            mock.get(f"{SITE}/repos/acme/checkout/hooks", json=rows, match=[shown])
        mock.get(f"{SITE}/orgs/acme/hooks", json=[])
        mock.get(f"{SITE}/repos/acme/checkout/hooks/7/deliveries", json=[])
        return findings_for(mock)[-1]


def test_a_webhook_after_the_first_hundred_is_found() -> None:
    """An Enterprise Server allows 250 for each event."""
    found = webhook_finding([others(1, 100), others(2, 100), [hook()]])
    assert (found.what, found.says) == ("webhook of acme/checkout", "has sent nothing in the last days")
    assert webhook_finding([others(1, 100), others(2, 3)]).says == "no webhook sends to OKR Sync"


def test_as_many_webhooks_as_are_read_are_named_when_there_are_more() -> None:
    """It is no error then that none of them sends to us: ours may be among the rest."""
    found = webhook_finding([others(page, 100) for page in range(1, 12)])
    assert found.well is None
    assert "none of the first 1000 webhooks sends to OKR Sync; only these were read" in found.says
