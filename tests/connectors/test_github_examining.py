"""What an examination of a connection to GitHub finds, and what it says to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
import responses

import connectors.github
from connectors.github.connecting import EVENTS as MADE_WITH
from connectors.github.events import TREATMENTS, events_read
from connectors.http import Http
from simulator import GitHub, SteppedClock
from simulator.github.limits import Rules
from sync_service.domain import connectors as domain
from sync_service.domain.connectors import Connection
from sync_service.domain.examining import Finding
from tests.connectors.app_town import PERMISSIONS, START
from tests.simulator.receiver import Receiver

OTHERS = {"installation", "installation_repositories", "installation_target", "organization", "projects_v2_item"}
EVENTS = sorted(events_read() - OTHERS)


@dataclass
class Surgery:
    """A GitHub, a receiver of its webhooks, and the connector."""

    hub: GitHub
    clock: SteppedClock
    receiver: Receiver
    options: dict[str, str] = field(default_factory=dict)

    def findings(self, *scopes: str, hooked: bool = True, **credentials: object) -> list[Finding]:
        """Examine a connection, by default with a token for everything."""
        given = credentials or {"token": self.hub.token}
        about = {"slug": "here", "site": self.hub.api_url, "hook_url": self.receiver.url, "options": self.options}
        connection = Connection(**about, **given)  # type: ignore[arg-type]  # the credentials are either of the two
        connector = connectors.github.GitHub(Http(now=self.clock), sleep=lambda _: None)
        return list(connector.examine(connection, scopes=scopes, hooked=hooked))

    def wrong(self, *scopes: str, **credentials: object) -> list[tuple[str, bool | None, str]]:
        """Give what is not well."""
        return [
            (one.what, one.well, one.says)
            for one in self.findings(*scopes, **credentials)  # type: ignore[arg-type]  # as above
            if one.well is not True
        ]


@pytest.fixture
def surgery() -> Iterator[Surgery]:
    """Give a GitHub with a repository and a webhook that leads to us and hears of everything we read."""
    clock = SteppedClock(START)
    with GitHub("acme", clock=clock, background=False) as hub, Receiver() as receiver:
        checkout = hub.repository("checkout")
        hub.add_hook(checkout, url=receiver.url, secret="s", events=EVENTS)
        checkout.create_issue("Pay")
        yield Surgery(hub, clock, receiver)


def test_all_is_well(surgery: Surgery) -> None:
    """Each part of it is said."""
    found = surgery.findings("acme/checkout")
    assert [one for one in found if one.well is not True or one.mend] == []
    said = {one.what: one.says for one in found}
    assert said["credentials"].startswith("accepted: ")
    assert said["clock"] == "ours and GitHub's agree"
    assert said["acme/checkout"] == "can be seen"
    assert said["webhook of acme/checkout"] == "the last 2 deliveries arrived"


def test_a_refused_token_ends_it(surgery: Surgery) -> None:
    """With GitHub's words, and nothing of the token."""
    (one,) = surgery.findings("acme/checkout", token="ghp_secret")
    assert (one.what, one.well) == ("credentials", False)
    assert "Bad credentials" in one.says
    assert "ghp_secret" not in repr(one)
    assert one.mend


@pytest.mark.parametrize(("days", "well"), [(3, None), (90, True)])
def test_a_token_that_expires_soon_is_told(surgery: Surgery, days: int, well: bool | None) -> None:  # noqa: FBT001 - a parameter of the test
    """Before it does."""
    token = surgery.hub.add_token("ana", expires=START + timedelta(days=days, hours=1))
    (one,) = [one for one in surgery.findings(token=token.text) if one.what == "expiry"]
    assert (one.well, one.says) == (well, f"the token expires on {token.expires:%Y-%m-%d}, in {days} days")


def test_missing_permissions_are_named(surgery: Surgery) -> None:
    """Of a token that sees the repository and none of its work; its webhooks can't be told, which is no mistake."""
    token = surgery.hub.add_token("ana", permissions={"metadata": "read"})
    wrong = surgery.wrong("acme/checkout", token=token.text)
    assert [(what, well) for what, well, _ in wrong] == [
        ("acme/checkout", False),
        ("acme/checkout", False),
        ("webhook of acme/checkout", None),
    ]
    assert "issues: read is missing" in wrong[0][2]
    assert "pull_requests: read is missing" in wrong[1][2]


def test_repositories_that_changed_are_told(surgery: Surgery) -> None:
    """Hidden, renamed and archived are three things."""
    hub = surgery.hub
    hub.repository("old").rename("new")
    hub.repository("attic").archive()
    token = hub.add_token("ana", repositories=[hub.repository("new"), hub.repository("attic")])
    wrong = surgery.wrong("acme/old", "acme/attic", "acme/checkout", token=token.text, hooked=False)
    assert [(what, well) for what, well, _ in wrong] == [
        ("acme/old", None),
        ("acme/attic", None),
        ("acme/checkout", False),
    ]
    assert "is called acme/new now" in wrong[0][2]
    assert "404" in wrong[2][2]


def test_clocks_that_differ_are_told(surgery: Surgery) -> None:
    """Ours may be the wrong one."""
    connector = connectors.github.GitHub(Http(now=SteppedClock(START + timedelta(minutes=2))))
    connection = Connection(slug="here", site=surgery.hub.api_url, token=surgery.hub.token)
    found = {one.what: one for one in connector.examine(connection, scopes=(), hooked=False)}
    assert (found["clock"].well, found["clock"].says) == (None, "GitHub's is 120 s behind ours")


def test_a_limit_that_is_nearly_used_up_is_told(surgery: Surgery) -> None:
    """And whole ones are well."""
    surgery.hub.limits.rules = Rules(core=10)
    assert [what for what, _, _ in surgery.wrong(hooked=False)] == []
    surgery.hub.limits.rules = Rules(core=4)
    found = [surgery.findings(hooked=False) for _ in range(3)][-1]
    assert found[-1].what == "limit" or found[0].what == "credentials"
    assert found[-1].well is not True


def test_a_webhook_that_does_not_lead_here_is_told(surgery: Surgery) -> None:
    """Nor one of the organisation."""
    surgery.hub.hooks[0].url = "https://elsewhere.example.com/hooks/here"
    assert surgery.wrong("acme/checkout") == [("webhook of acme/checkout", False, "none leads here")]
    surgery.hub.add_hook(url=surgery.receiver.url, secret="s", events=EVENTS)
    wrong = surgery.wrong("acme/checkout", "acme/checkout")
    assert wrong == [("webhook of acme", None, "is not told of organization")]


def test_a_webhook_that_rests_is_told(surgery: Surgery) -> None:
    """Switched off, or without the events that matter."""
    hook = surgery.hub.hooks[0]
    hook.events = ("issues",)
    ((what, well, says),) = surgery.wrong("acme/checkout")
    assert (what, well) == ("webhook of acme/checkout", False)
    assert "pull_request" in says
    hook.active = False
    assert surgery.wrong("acme/checkout") == [("webhook of acme/checkout", False, "is not active")]


@pytest.mark.parametrize(
    ("answer", "mend"), [(401, "secrets"), (404, "no connection"), (503, "could not store"), (500, "OKR_SYNC_BASE_URL")]
)
def test_deliveries_that_did_not_arrive_are_told(surgery: Surgery, answer: int, mend: str) -> None:
    """With their status, and what that means."""
    surgery.receiver.answers.extend([answer] * 2)
    issue = surgery.hub.repository("checkout").create_issue("Refund")
    issue.close()
    (one,) = [one for one in surgery.findings("acme/checkout") if one.well is not True]
    assert (one.well, one.says) == (False, f"2 of the last 4 deliveries did not arrive: 2 with {answer}")
    assert mend in str(one.mend)
    issue.reopen()
    (one,) = [one for one in surgery.findings("acme/checkout") if one.well is not True]
    assert one.well is None


def test_a_delivery_that_arrived_in_the_end_is_well(surgery: Surgery) -> None:
    """Its redelivery has the same guid."""
    surgery.receiver.answers.append(500)
    surgery.hub.repository("checkout").create_issue("Refund")
    surgery.hub.redeliver(surgery.hub.deliveries[-1])
    assert surgery.wrong("acme/checkout") == []


def test_an_app_is_examined_by_its_installations_and_its_one_webhook(surgery: Surgery) -> None:
    """All of it is well."""
    app = surgery.hub.create_app(permissions=PERMISSIONS, events=EVENTS, hook_url=surgery.receiver.url, hook_secret="s")
    app.install()
    found = surgery.findings("acme/checkout", app=domain.App(str(app.id), app.pem))
    assert [one for one in found if one.well is not True] == []
    said = {one.what: one.says for one in found}
    assert said["credentials"] == "accepted: app okr-sync"
    assert said["installation on acme"] == "has granted what is needed"
    assert "deliveries arrived" in said["webhook of the app"]


def test_what_an_app_lacks_is_told(surgery: Surgery) -> None:
    """Permissions, events, and a webhook that leads here."""
    app = surgery.hub.create_app(permissions={}, events=["issues"], hook_url="https://elsewhere.example.com/x")
    given = {"app": domain.App(str(app.id), app.pem)}
    wrong = surgery.wrong(**given)
    assert [(what, well) for what, well, _ in wrong] == [
        ("permissions", False),
        ("events", False),
        ("installations", False),
        ("webhook of the app", False),
    ]
    assert wrong[0][2] == "the app does not ask for issues: read, pull_requests: read"
    assert wrong[3][2] == "leads to https://elsewhere.example.com/x, not here"
    installation = app.install()
    assert ("installation on acme", False, "has not granted issues: read, pull_requests: read") in surgery.wrong(
        **given
    )
    installation.suspend()
    assert any(says.startswith("suspended since") for _, _, says in surgery.wrong(**given))


def test_an_app_that_is_to_write_and_may_only_read_is_told(surgery: Surgery) -> None:
    """On its own page, and by each installation."""
    app = surgery.hub.create_app(permissions=PERMISSIONS, events=EVENTS, hook_url=surgery.receiver.url, hook_secret="s")
    app.install()
    found = surgery.wrong("acme/checkout", app=domain.App(str(app.id), app.pem), writes_back=True)
    assert [(what, says) for what, _, says in found] == [
        ("permissions", "the app does not ask for issues: write, pull_requests: write"),
        ("installation on acme", "has not granted issues: write, pull_requests: write"),
    ]


def test_an_app_that_is_unknown_is_told(surgery: Surgery) -> None:
    """With what to give."""
    app = surgery.hub.create_app(permissions=PERMISSIONS)
    (one,) = surgery.findings(app=domain.App("1", app.pem))
    assert (one.what, one.well) == ("credentials", False)
    assert ".pem" in str(one.mend)


def test_a_tracker_that_breaks_off_is_a_finding(surgery: Surgery) -> None:
    """What was found before stands."""
    found: list[Finding] = []
    connector = connectors.github.GitHub(Http(now=surgery.clock))
    connection = Connection(slug="here", site=surgery.hub.api_url, token=surgery.hub.token)
    for one in connector.examine(connection, scopes=["acme/checkout"], hooked=False):
        found.append(one)
        surgery.hub.rest.answer_next(502)
    assert found[0].well is True
    assert found[-1].well is False
    assert "502" in found[-1].says


def test_an_older_enterprise_server_is_known_by_its_version() -> None:
    """What it can't tell is not asked of its webhook."""
    clock = SteppedClock(START)
    with GitHub("acme", clock=clock, background=False, ghes="3.19") as hub, Receiver() as receiver:
        place = hub.repository("checkout")
        hub.add_hook(place, url=receiver.url, secret="s", events=[one for one in EVENTS if one != "sub_issues"])
        wrong = Surgery(hub, clock, receiver).wrong("acme/checkout")
    assert [(what, well) for what, well, _ in wrong] == [("version", None)]
    assert "3.19" in wrong[0][2]


def test_the_events_that_matter_are_those_that_are_read() -> None:
    """From the one table."""
    assert {"issues", "pull_request", "sub_issues", "label", "milestone", "repository"} <= events_read()
    assert "push" not in events_read()
    assert sorted(MADE_WITH) == EVENTS
    assert all(any(name.startswith(event) for name in TREATMENTS) for event in events_read())


SITE = "https://api.github.com"


def by_answers(mock: responses.RequestsMock, *, scopes: tuple[str, ...] = ("acme/checkout",)) -> list[Finding]:
    """Examine a connection to a GitHub that answers as a test says, and 404 to the rest."""
    mock.add_passthru("http://127.0.0.1")
    connection = Connection(slug="here", site=SITE, hook_url="https://okr.example.com/hooks/here", token="t")
    return list(connectors.github.GitHub(Http()).examine(connection, scopes=scopes, hooked=True))


def hook(**columns: object) -> dict[str, object]:
    """Give a webhook that leads to us."""
    config = {"url": "https://okr.example.com/hooks/here/", "content_type": "json", "insecure_ssl": "0"}
    return {"id": 7, "active": True, "events": ["*"], "config": config} | columns


@pytest.mark.parametrize(
    ("last", "well", "says"),
    [
        ({"code": 401, "status": "unauthorized"}, False, "the last delivery was answered 401"),
        ({"code": 202, "status": "active"}, True, "the last delivery was answered 202"),
        ({"code": None, "status": "unused"}, None, "can't be told"),
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
    assert "let the token or app see it" in (forbidden.mend or "")
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
        (None, "leads here, and does not check our certificate"),
        (None, "has delivered nothing in the last days"),
    ]


def test_of_many_repositories_only_the_first_are_looked_at(surgery: Surgery, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said."""
    monkeypatch.setattr("connectors.github.examining.MOST_SCOPES", 0)
    assert surgery.wrong("acme/checkout") == [("repositories", None, "only the first 0 were looked at")]


def test_what_an_app_can_t_see_is_told_of_each_repository(surgery: Surgery) -> None:
    """And no more of it than that."""
    app = surgery.hub.create_app(permissions=PERMISSIONS, events=EVENTS, hook_url=surgery.receiver.url)
    app.install([surgery.hub.repository("other")])
    wrong = surgery.wrong("acme/hidden", app=domain.App(str(app.id), app.pem))
    assert [(what, well) for what, well, _ in wrong] == [("acme/hidden", False)]


FINE = {"metadata": "read", "issues": "read", "pull_requests": "read", "repository_hooks": "read"}


def test_projects_that_can_not_be_read_are_told_where_numbers_are_wanted(surgery: Surgery) -> None:
    """Once for each organization; it is no fault, and of nobody's concern where no numbers are read."""
    token = surgery.hub.add_token("ana", permissions=FINE).text
    assert [what for what, _, _ in surgery.wrong("acme/checkout", token=token, hooked=False)] == []
    surgery.options["points_field"] = "Points"
    surgery.hub.repository("payments")
    ((what, well, says),) = surgery.wrong("acme/checkout", "acme/payments", token=token, hooked=False)
    assert (what, well) == ("projects of acme", None)
    assert "issue fields alone" in says
    (one,) = [one for one in surgery.findings("acme/checkout", token=token) if "projects" in one.what]
    assert one.mend
    assert "Projects: read-only" in one.mend
    token = surgery.hub.add_token("ana", permissions={**FINE, "organization_projects": "read"}).text
    (one,) = [one for one in surgery.findings("acme/checkout", token=token) if "projects" in one.what]
    assert (one.well, one.says) == (True, "can be read")


def test_owners_without_projects_are_passed_over(surgery: Surgery) -> None:
    """A person has none that GitHub would bring deliveries about."""
    surgery.options["points_field"] = "Points"
    surgery.hub.repository("elsewhere/ledger")
    found = surgery.findings("elsewhere/ledger", hooked=False)
    assert [one for one in found if "projects" in one.what] == []


def test_an_app_that_may_not_read_projects_is_told(surgery: Surgery) -> None:
    """Of each installation."""
    surgery.options["points_field"] = "Points"
    for permissions, told in ((PERMISSIONS, True), ({**PERMISSIONS, "organization_projects": "read"}, False)):
        app = surgery.hub.create_app(permissions=permissions)
        app.install([surgery.hub.repository("checkout")])
        found = surgery.findings("acme/checkout", hooked=False, app=domain.App(str(app.id), app.pem))
        assert any("issue fields alone" in one.says for one in found) == told


def test_a_webhook_of_the_organisation_is_to_tell_of_projects_where_numbers_are_wanted(surgery: Surgery) -> None:
    """A repository's can't."""
    surgery.options["points_field"] = "Points"
    assert surgery.wrong("acme/checkout") == []
    surgery.hub.hooks[0].url = "https://elsewhere.example.com/hooks/here"
    surgery.hub.add_hook(url=surgery.receiver.url, secret="s", events=[*EVENTS, "organization"])
    assert surgery.wrong("acme/checkout") == [("webhook of acme", None, "is not told of projects_v2_item")]
