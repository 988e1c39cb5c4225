"""The administrator's webhook of a Jira, created by API: one, signed, with the newest secret, or manual steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import responses

from connectors.jira import Jira
from simulator import Jira as Site
from sync_service.domain.trackers.capabilities import CreatesWebhooks, WebhookResult
from sync_service.domain.trackers.connector import Connection, ConnectorError, OAuthClient

HOOK = "https://okr.example.com/hooks/j"
CLOUD, SERVER = "https://acme.atlassian.net", "https://jira.acme.example/jira"
OLDER, NEWER = "/rest/webhooks/1.0/webhook", "/rest/jira-webhook/1.0/webhooks"
FILTER = "issue-related-events-section"


@dataclass
class WebhookHarness:
    """A Jira, and the connector."""

    site: Site

    def create(self, *scopes: str, secret: str = "newest") -> WebhookResult:
        """Create the webhook of a connection with a token."""
        options = {} if self.site.data_center else {"email": self.site.email}
        connection = Connection(slug="j", site=self.site.url, token=self.site.token, options=options)
        (made,) = Jira().create_webhooks(connection, scopes=scopes, hook_url=HOOK, secret=secret)
        return made


@pytest.fixture(params=["cloud", "10.3.5", "9.12.4"])
def harness(request: pytest.FixtureRequest) -> Iterator[WebhookHarness]:
    """Yield a Jira of each edition and version, with two projects."""
    with Site(background=False, data_center=request.param != "cloud") as site:
        if request.param != "cloud":
            site.version = request.param
        site.project("SHOP")
        site.project("PAY")
        yield WebhookHarness(site)


def test_one_webhook_covers_all_projects_and_is_updated_later(harness: WebhookHarness) -> None:
    """There is never a second one, and it always has the newest secret."""
    first = harness.create("SHOP")
    assert (first.where, first.made) == ("SHOP", True)
    assert first.says.startswith("the webhook was created")
    (hook,) = harness.site.hooks
    assert (hook.url, hook.secret, hook.name) == (HOOK, "newest", "OKR Sync (j)")
    assert {"jira:issue_deleted", "jira:version_deleted", "sprint_updated", "project_updated"} <= set(hook.events)
    hook.enabled, hook.events = False, ()
    again = harness.create("SHOP", "PAY", secret="newer still")
    assert again.made
    assert again.says.startswith("its webhook existed and was updated with the newest secret")
    assert harness.site.hooks == [hook]
    assert (hook.secret, hook.enabled, "jira:issue_created" in hook.events) == ("newer still", True, True)


def test_the_filter_names_the_watched_projects_if_its_form_is_known(harness: WebhookHarness) -> None:
    """Data Center 10 gets no filter: if it misread one, nothing would arrive."""
    harness.create("SHOP", "PAY")
    newer = harness.site.version == "10.3.5"
    assert harness.site.hooks[0].jql == ("" if newer else 'project in ("SHOP", "PAY")')
    harness.create('SHOP") OR project is not EMPTY', "PAY")
    assert harness.site.hooks[0].jql == ""
    assert harness.create().where == "every project"


def test_the_first_delivery_shows_signing_if_jira_does_not(harness: WebhookHarness) -> None:
    """Only Data Center 10 leaves it open."""
    assert ("does not say whether it signs" in harness.create("SHOP").says) is (harness.site.version == "10.3.5")


def test_without_administrator_rights_the_manual_steps_are_returned(harness: WebhookHarness) -> None:
    """No webhook is created."""
    harness.site.is_admin = False
    made = harness.create("SHOP")
    assert not made.made
    assert "(403); only a Jira administrator may: ask one to create it by hand" in made.says
    assert harness.site.hooks == []


def test_another_webhook_is_not_changed(harness: WebhookHarness) -> None:
    """A URL that differs only by its query is ours."""
    other = harness.site.add_hook(url="https://elsewhere.example.com", secret="theirs")
    ours = harness.site.add_hook(url=f"{HOOK}/?by=hand", secret="old")
    assert harness.create("SHOP").made
    assert harness.site.hooks == [other, ours]
    assert (other.secret, other.url, ours.secret, ours.url) == (
        "theirs",
        "https://elsewhere.example.com",
        "newest",
        HOOK,
    )


def test_several_webhooks_with_our_url_are_reported(harness: WebhookHarness) -> None:
    """The oldest is updated; a person must remove the others."""
    for _ in range(2):
        harness.site.add_hook(url=HOOK, secret="old")
    assert "2 webhooks send to OKR Sync: remove all but one in Jira" in harness.create("SHOP").says
    assert [hook.secret for hook in harness.site.hooks] == ["newest", "old"]


def test_an_older_jira_gets_the_events_that_it_knows(harness: WebhookHarness) -> None:
    """Issue events are the most important."""
    harness.site.unknown_events = {"project_archived"}
    assert harness.create("SHOP").made
    (hook,) = harness.site.hooks
    assert "jira:issue_updated" in hook.events
    assert "project_updated" not in hook.events


def test_a_server_too_old_for_secrets_gets_no_webhook() -> None:
    """We would refuse each of its deliveries."""
    with Site(background=False, data_center=True) as site:
        site.version, site.knows_secrets = "8.20.1", False
        site.project("SHOP")
        made = WebhookHarness(site).create("SHOP")
        assert (made.made, site.hooks) == (False, [])
        assert "too old for signed webhooks" in made.says
        kept = site.add_hook(url=HOOK)
        assert not WebhookHarness(site).create("SHOP").made
        assert site.hooks == [kept]


# Responses that the simulator does not give


@pytest.fixture
def jira() -> Iterator[responses.RequestsMock]:
    """Yield a stub of Jira; each prepared response must be requested."""
    with responses.RequestsMock() as mock:
        yield mock


def create_at(site: str) -> WebhookResult:
    """Create the webhook at this site."""
    options = {"email": "a@example.com"} if site == CLOUD else {}
    connection = Connection(slug="j", site=site, token="t", options=options)
    (made,) = Jira().create_webhooks(connection, scopes=["SHOP"], hook_url=HOOK, secret="hush-hush")
    return made


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("at", ["list", "creation"])
def test_every_refusal_for_missing_rights_has_one_meaning(jira: responses.RequestsMock, status: int, at: str) -> None:
    """Jira may send any of them to a person who is no administrator."""
    if at == "list":
        jira.get(CLOUD + OLDER, status=status)
    else:
        jira.get(CLOUD + OLDER, json=[])
        jira.post(CLOUD + OLDER, status=status)
    made = create_at(CLOUD)
    assert not made.made
    assert f"may not see or change webhooks ({status}); only a Jira administrator may" in made.says


@pytest.mark.parametrize(
    ("status", "says"),
    [(429, "limits the rate of calls"), (500, "can't answer now (500)"), (409, "refuses the request (409)")],
)
def test_other_refusals_are_reported_in_jira_s_words(jira: responses.RequestsMock, status: int, says: str) -> None:
    """No webhook is reported as created."""
    jira.get(CLOUD + OLDER, json=[])
    jira.post(CLOUD + OLDER, status=status)
    made = create_at(CLOUD)
    assert not made.made
    assert says in made.says


def test_a_403_for_a_rate_limit_is_no_missing_permission(jira: responses.RequestsMock) -> None:
    """The error says when to retry."""
    jira.get(CLOUD + OLDER, status=403, headers={"Retry-After": "9"})
    assert "limits the rate of calls" in create_at(CLOUD).says


def test_errors_of_the_request_are_reported_in_jira_s_words(jira: responses.RequestsMock) -> None:
    """After a second try with fewer events."""
    words = {"errorMessages": ["The value 'SHOP' does not exist for the field 'project'."]}
    jira.get(CLOUD + OLDER, json=[])
    jira.post(CLOUD + OLDER, json=words, status=400)
    jira.post(CLOUD + OLDER, json=words, status=400)
    assert "'SHOP' does not exist" in create_at(CLOUD).says


@pytest.mark.parametrize("body", ["nonsense", {"hooks": []}, 7])
def test_an_invalid_list_of_webhooks_is_an_error(jira: responses.RequestsMock, body: Any) -> None:
    """A list may also be inside a page object."""
    jira.get(CLOUD + OLDER, json=body)
    assert create_at(CLOUD).made is False


def test_an_unsigned_webhook_is_removed(jira: responses.RequestsMock) -> None:
    """If Jira itself says that it is unsigned."""
    row = {"url": HOOK, "self": f"{CLOUD}{OLDER}/7", "isSigned": False}
    jira.get(CLOUD + OLDER, json=[])
    jira.post(CLOUD + OLDER, json=row, status=201)
    jira.get(CLOUD + OLDER, json=[row])
    jira.delete(f"{CLOUD}{OLDER}/7", status=204)
    made = create_at(CLOUD)
    assert not made.made
    assert "Jira does not sign" in made.says


def test_values_that_a_response_lacks_are_read_from_the_list(jira: responses.RequestsMock) -> None:
    """Older servers send 204 without a body. Only the number of a row's URL is used; the URL is never called."""
    row = {"url": HOOK, "self": "https://evil.example.com/7", "isSigned": True}
    jira.get(CLOUD + OLDER, json=[])
    jira.post(CLOUD + OLDER, status=204)
    jira.get(CLOUD + OLDER, json=[{"url": 7}, {"url": HOOK, "self": "x/NaN"}, {"url": HOOK}, row])
    assert create_at(CLOUD) == WebhookResult(where="SHOP", made=True, says="the webhook was created")


def test_of_two_concurrent_webhooks_the_older_stays(jira: responses.RequestsMock) -> None:
    """The worker that created the newer one removes it."""
    rows = [{"url": HOOK, "self": f"{CLOUD}{OLDER}/{n}", "isSigned": True} for n in (10, 9)]
    jira.get(CLOUD + OLDER, json=[])
    jira.post(CLOUD + OLDER, json=rows[0], status=201)
    jira.get(CLOUD + OLDER, json=rows)
    jira.delete(f"{CLOUD}{OLDER}/10", status=204)
    assert create_at(CLOUD).says == "its webhook existed"


@pytest.mark.parametrize(
    "version",
    [{"json": {"versionNumbers": [10, 3]}}, {"json": {}}, {"json": {"versionNumbers": "x"}}, {"body": "<html>"},
     {"status": 404}],
)  # fmt: skip
def test_data_center_uses_the_newer_url_unless_it_is_older(
    jira: responses.RequestsMock, version: dict[str, Any]
) -> None:
    """The secret is in the configuration, and a configuration with a secret shows that it signs."""
    jira.get(f"{SERVER}/rest/api/2/serverInfo", **version)
    jira.get(SERVER + NEWER, json=[])
    row = {"id": 3, "url": HOOK, "configuration": {"SECRET": "********"}}
    expected_body = responses.matchers.json_params_matcher(
        {"name": "OKR Sync (j)", "active": True, "configuration": {"SECRET": "hush-hush", "EXCLUDE_BODY": "false"}},
        strict_match=False,
    )
    jira.post(SERVER + NEWER, json=row, status=201, match=[expected_body])
    jira.get(SERVER + NEWER, json=[row])
    assert create_at(SERVER).says == "the webhook was created"


def test_the_other_url_is_tried_after_a_404(jira: responses.RequestsMock) -> None:
    """A version in between may have moved it."""
    jira.get(f"{SERVER}/rest/api/2/serverInfo", json={"versionNumbers": [10, 0]})
    jira.get(SERVER + NEWER, status=404)
    jira.get(SERVER + OLDER, json={"values": [{"url": HOOK, "id": 4}]})
    jira.put(f"{SERVER}{OLDER}/4", json={"isSigned": True})
    jira.get(SERVER + OLDER, json=[{"url": HOOK, "id": 4}])
    assert create_at(SERVER).made


def test_only_a_token_creates_it() -> None:
    """A scheduled task creates the webhooks of an OAuth app. Without credentials no call is possible."""
    connector = Jira()
    assert isinstance(connector, CreatesWebhooks)
    assert [connector.webhook_mode(one) for one in ("token", "consent", "")] == ["one", None, None]
    for connection in (
        Connection(slug="j", site=CLOUD, token="t", client=OAuthClient("c", "s")),
        Connection(slug="j", site=CLOUD),
    ):
        with pytest.raises(ConnectorError, match=r"by itself|no token"):
            connector.create_webhooks(connection, scopes=["SHOP"], hook_url=HOOK, secret="s")
