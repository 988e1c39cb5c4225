"""The webhook of a Jira made by calls: one, signed, with the newest secret, or words for making it by hand."""

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
class Bench:
    """A Jira, and the connector."""

    site: Site

    def make(self, *scopes: str, secret: str = "newest") -> WebhookResult:
        """Make the webhook of a connection with a token."""
        options = {} if self.site.data_center else {"email": self.site.email}
        connection = Connection(slug="j", site=self.site.url, token=self.site.token, options=options)
        (made,) = Jira().create_webhooks(connection, scopes=scopes, hook_url=HOOK, secret=secret)
        return made


@pytest.fixture(params=["cloud", "10.3.5", "9.12.4"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Give a Jira of each face and age, with two projects."""
    with Site(background=False, data_center=request.param != "cloud") as site:
        if request.param != "cloud":
            site.version = request.param
        site.project("SHOP")
        site.project("PAY")
        yield Bench(site)


def test_one_webhook_is_made_for_all_projects_and_set_anew_after(bench: Bench) -> None:
    """Never a second one, and always with the newest secret."""
    first = bench.make("SHOP")
    assert (first.where, first.made) == ("SHOP", True)
    assert first.says.startswith("the webhook was created")
    (hook,) = bench.site.hooks
    assert (hook.url, hook.secret, hook.name) == (HOOK, "newest", "OKR Sync (j)")
    assert {"jira:issue_deleted", "jira:version_deleted", "sprint_updated", "project_updated"} <= set(hook.events)
    hook.enabled, hook.events = False, ()
    again = bench.make("SHOP", "PAY", secret="newer still")
    assert again.made
    assert again.says.startswith("its webhook existed and was updated with the newest secret")
    assert bench.site.hooks == [hook]
    assert (hook.secret, hook.enabled, "jira:issue_created" in hook.events) == ("newer still", True, True)


def test_the_filter_names_what_is_watched_where_its_form_is_known(bench: Bench) -> None:
    """Data Center 10 gets none: one that it misread would let nothing through."""
    bench.make("SHOP", "PAY")
    newer = bench.site.version == "10.3.5"
    assert bench.site.hooks[0].jql == ("" if newer else 'project in ("SHOP", "PAY")')
    bench.make('SHOP") OR project is not EMPTY', "PAY")
    assert bench.site.hooks[0].jql == ""
    assert bench.make().where == "every project"


def test_whether_it_signs_is_told_by_the_first_delivery_where_jira_does_not(bench: Bench) -> None:
    """Data Center 10 alone leaves it open."""
    assert ("does not say whether it signs" in bench.make("SHOP").says) is (bench.site.version == "10.3.5")


def test_whoever_is_no_administrator_is_told_how_to_go_on(bench: Bench) -> None:
    """Nothing is made."""
    bench.site.is_admin = False
    made = bench.make("SHOP")
    assert not made.made
    assert "(403); only a Jira administrator may: ask one to create it by hand" in made.says
    assert bench.site.hooks == []


def test_a_webhook_of_others_stays_as_it_is(bench: Bench) -> None:
    """One whose address differs by a query alone is ours."""
    other = bench.site.add_hook(url="https://elsewhere.example.com", secret="theirs")
    ours = bench.site.add_hook(url=f"{HOOK}/?by=hand", secret="old")
    assert bench.make("SHOP").made
    assert bench.site.hooks == [other, ours]
    assert (other.secret, other.url, ours.secret, ours.url) == (
        "theirs",
        "https://elsewhere.example.com",
        "newest",
        HOOK,
    )


def test_several_that_lead_here_are_told(bench: Bench) -> None:
    """The oldest is set anew; the others are for somebody to remove."""
    for _ in range(2):
        bench.site.add_hook(url=HOOK, secret="old")
    assert "2 webhooks send to OKR Sync: remove all but one in Jira" in bench.make("SHOP").says
    assert [hook.secret for hook in bench.site.hooks] == ["newest", "old"]


def test_a_jira_that_does_not_know_all_kinds_of_changes_gets_those_it_knows(bench: Bench) -> None:
    """Issues above all."""
    bench.site.unknown_events = {"project_archived"}
    assert bench.make("SHOP").made
    (hook,) = bench.site.hooks
    assert "jira:issue_updated" in hook.events
    assert "project_updated" not in hook.events


def test_a_server_too_old_for_secrets_is_left_without_a_webhook() -> None:
    """What it sent would be refused each time."""
    with Site(background=False, data_center=True) as site:
        site.version, site.knows_secrets = "8.20.1", False
        site.project("SHOP")
        made = Bench(site).make("SHOP")
        assert (made.made, site.hooks) == (False, [])
        assert "too old for signed webhooks" in made.says
        kept = site.add_hook(url=HOOK)
        assert not Bench(site).make("SHOP").made
        assert site.hooks == [kept]


# What no simulator shows


@pytest.fixture
def jira() -> Iterator[responses.RequestsMock]:
    """Stand in for Jira; every answer prepared must be asked for."""
    with responses.RequestsMock() as mock:
        yield mock


def made_at(site: str) -> WebhookResult:
    """Make the webhook there."""
    options = {"email": "a@example.com"} if site == CLOUD else {}
    connection = Connection(slug="j", site=site, token="t", options=options)
    (made,) = Jira().create_webhooks(connection, scopes=["SHOP"], hook_url=HOOK, secret="hush")
    return made


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("at", ["list", "creation"])
def test_each_way_of_not_being_allowed_is_said_the_same(jira: responses.RequestsMock, status: int, at: str) -> None:
    """Jira may answer any of them to who is no administrator."""
    if at == "list":
        jira.get(CLOUD + OLDER, status=status)
    else:
        jira.get(CLOUD + OLDER, json=[])
        jira.post(CLOUD + OLDER, status=status)
    made = made_at(CLOUD)
    assert not made.made
    assert f"may not see or change webhooks ({status}); only a Jira administrator may" in made.says


@pytest.mark.parametrize(
    ("status", "says"),
    [(429, "limits the rate of calls"), (500, "can't answer now (500)"), (409, "refuses the request (409)")],
)
def test_other_refusals_are_said_in_their_own_words(jira: responses.RequestsMock, status: int, says: str) -> None:
    """Nothing is called made."""
    jira.get(CLOUD + OLDER, json=[])
    jira.post(CLOUD + OLDER, status=status)
    made = made_at(CLOUD)
    assert not made.made
    assert says in made.says


def test_a_403_that_is_a_limit_is_no_lack_of_permission(jira: responses.RequestsMock) -> None:
    """It says when to ask again."""
    jira.get(CLOUD + OLDER, status=403, headers={"Retry-After": "9"})
    assert "limits the rate of calls" in made_at(CLOUD).says


def test_what_jira_finds_wrong_is_told_in_its_words(jira: responses.RequestsMock) -> None:
    """Once it was tried with fewer kinds of changes too."""
    words = {"errorMessages": ["The value 'SHOP' does not exist for the field 'project'."]}
    jira.get(CLOUD + OLDER, json=[])
    jira.post(CLOUD + OLDER, json=words, status=400)
    jira.post(CLOUD + OLDER, json=words, status=400)
    assert "'SHOP' does not exist" in made_at(CLOUD).says


@pytest.mark.parametrize("body", ["nonsense", {"hooks": []}, 7])
def test_what_is_no_list_of_webhooks_is_said(jira: responses.RequestsMock, body: Any) -> None:
    """A list can also stand in a page."""
    jira.get(CLOUD + OLDER, json=body)
    assert made_at(CLOUD).made is False


def test_one_that_is_not_signed_is_taken_away_again(jira: responses.RequestsMock) -> None:
    """Where Jira says so itself."""
    row = {"url": HOOK, "self": f"{CLOUD}{OLDER}/7", "isSigned": False}
    jira.get(CLOUD + OLDER, json=[])
    jira.post(CLOUD + OLDER, json=row, status=201)
    jira.get(CLOUD + OLDER, json=[row])
    jira.delete(f"{CLOUD}{OLDER}/7", status=204)
    made = made_at(CLOUD)
    assert not made.made
    assert "Jira does not sign" in made.says


def test_what_an_answer_leaves_out_is_read_from_the_list(jira: responses.RequestsMock) -> None:
    """Older servers answer 204 without a body; the address of a row is never followed, only its number read."""
    row = {"url": HOOK, "self": "https://evil.example.com/7", "isSigned": True}
    jira.get(CLOUD + OLDER, json=[])
    jira.post(CLOUD + OLDER, status=204)
    jira.get(CLOUD + OLDER, json=[{"url": 7}, {"url": HOOK, "self": "x/NaN"}, {"url": HOOK}, row])
    assert made_at(CLOUD) == WebhookResult(where="SHOP", made=True, says="the webhook was created")


def test_of_two_made_at_the_same_moment_the_older_stays(jira: responses.RequestsMock) -> None:
    """Whoever made the newer one removes it."""
    rows = [{"url": HOOK, "self": f"{CLOUD}{OLDER}/{n}", "isSigned": True} for n in (10, 9)]
    jira.get(CLOUD + OLDER, json=[])
    jira.post(CLOUD + OLDER, json=rows[0], status=201)
    jira.get(CLOUD + OLDER, json=rows)
    jira.delete(f"{CLOUD}{OLDER}/10", status=204)
    assert made_at(CLOUD).says == "its webhook existed"


@pytest.mark.parametrize(
    "version",
    [{"json": {"versionNumbers": [10, 3]}}, {"json": {}}, {"json": {"versionNumbers": "x"}}, {"body": "<html>"},
     {"status": 404}],
)  # fmt: skip
def test_data_center_is_asked_at_the_newer_address_unless_it_says_that_it_is_older(
    jira: responses.RequestsMock, version: dict[str, Any]
) -> None:
    """Its secret stands in the configuration, and a configuration that shows one tells that it signs."""
    jira.get(f"{SERVER}/rest/api/2/serverInfo", **version)
    jira.get(SERVER + NEWER, json=[])
    row = {"id": 3, "url": HOOK, "configuration": {"SECRET": "********"}}
    wanted = responses.matchers.json_params_matcher(
        {"name": "OKR Sync (j)", "active": True, "configuration": {"SECRET": "hush", "EXCLUDE_BODY": "false"}},
        strict_match=False,
    )
    jira.post(SERVER + NEWER, json=row, status=201, match=[wanted])
    jira.get(SERVER + NEWER, json=[row])
    assert made_at(SERVER).says == "the webhook was created"


def test_where_the_likely_address_has_none_the_other_is_asked(jira: responses.RequestsMock) -> None:
    """A version in between may have moved it."""
    jira.get(f"{SERVER}/rest/api/2/serverInfo", json={"versionNumbers": [10, 0]})
    jira.get(SERVER + NEWER, status=404)
    jira.get(SERVER + OLDER, json={"values": [{"url": HOOK, "id": 4}]})
    jira.put(f"{SERVER}{OLDER}/4", json={"isSigned": True})
    jira.get(SERVER + OLDER, json=[{"url": HOOK, "id": 4}])
    assert made_at(SERVER).made


def test_a_token_alone_makes_it() -> None:
    """The webhooks of a consent are an errand; without credentials nothing can be asked."""
    connector = Jira()
    assert isinstance(connector, CreatesWebhooks)
    assert [connector.webhook_mode(one) for one in ("token", "consent", "")] == ["one", None, None]
    for connection in (
        Connection(slug="j", site=CLOUD, token="t", client=OAuthClient("c", "s")),
        Connection(slug="j", site=CLOUD),
    ):
        with pytest.raises(ConnectorError, match=r"by itself|no token"):
            connector.create_webhooks(connection, scopes=["SHOP"], hook_url=HOOK, secret="s")
