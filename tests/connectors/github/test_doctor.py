"""Doctor checks of a GitHub connection: findings and remedies."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

import connectors.github
from connectors.github.setup.onboarding import EVENTS as MADE_WITH
from connectors.github.webhook.events import EVENT_RULES, parsed_events
from connectors.http import HttpClient
from simulator import GitHub, SteppedClock
from simulator.github.limits import Rules
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.diagnostics import Finding
from tests.connectors.github.app_fixture import START
from tests.connectors.github.doctor_fixture import EVENTS, DoctorFixture, open_harness
from tests.simulator.receiver import Receiver


@pytest.fixture
def harness() -> Iterator[DoctorFixture]:
    """Yield the fixture."""
    with open_harness() as made:
        yield made


def test_all_is_well(harness: DoctorFixture) -> None:
    """Each check has a finding."""
    found = harness.findings("acme/checkout")
    assert [one for one in found if one.well is not True or one.mend] == []
    texts = {one.what: one.says for one in found}
    assert texts["credentials"].startswith("accepted: ")
    assert texts["clock"] == "ours and GitHub's agree"
    assert texts["acme/checkout"] == "can be seen"
    assert texts["webhook of acme/checkout"] == "the last 2 deliveries arrived"


def test_a_refused_token_ends_the_checks(harness: DoctorFixture) -> None:
    """The finding has GitHub's words and never the token."""
    (one,) = harness.findings("acme/checkout", token="ghp_secret")
    assert (one.what, one.well) == ("credentials", False)
    assert "Bad credentials" in one.says
    assert "ghp_secret" not in repr(one)
    assert one.mend


@pytest.mark.parametrize(("days", "well"), [(3, None), (90, True)])
def test_a_token_that_expires_soon_is_reported(harness: DoctorFixture, days: int, well: bool | None) -> None:  # noqa: FBT001 - a parameter of the test
    """The warning comes before it expires."""
    token = harness.hub.add_token("ana", expires=START + timedelta(days=days, hours=1))
    (one,) = [one for one in harness.findings(token=token.text) if one.what == "expiry"]
    assert (one.well, one.says) == (well, f"the token expires on {token.expires:%Y-%m-%d}, in {days} days")


def test_missing_permissions_are_named(harness: DoctorFixture) -> None:
    """The token sees the repository and none of its issues. Unreadable webhooks are no error."""
    token = harness.hub.add_token("ana", permissions={"metadata": "read"})
    wrong = harness.wrong("acme/checkout", token=token.text)
    assert [(what, well) for what, well, _ in wrong] == [
        ("acme/checkout", False),
        ("acme/checkout", False),
        ("webhook of acme/checkout", None),
    ]
    assert "issues: read is missing" in wrong[0][2]
    assert "pull_requests: read is missing" in wrong[1][2]


def test_changed_repositories_are_reported(harness: DoctorFixture) -> None:
    """Hidden, renamed and archived are three findings."""
    hub = harness.hub
    hub.repository("old").rename("new")
    hub.repository("attic").archive()
    token = hub.add_token("ana", repositories=[hub.repository("new"), hub.repository("attic")])
    wrong = harness.wrong("acme/old", "acme/attic", "acme/checkout", token=token.text, hooked=False)
    assert [(what, well) for what, well, _ in wrong] == [
        ("acme/old", None),
        ("acme/attic", None),
        ("acme/checkout", False),
    ]
    assert "its name is acme/new now" in wrong[0][2]
    assert "404" in wrong[2][2]


def test_clock_skew_is_reported(harness: DoctorFixture) -> None:
    """Our clock may be the wrong one."""
    connector = connectors.github.GitHub(HttpClient(now=SteppedClock(START + timedelta(minutes=2))))
    connection = Connection(slug="here", site=harness.hub.api_url, token=harness.hub.token)
    found = {one.what: one for one in connector.check_connection(connection, scopes=(), hooked=False)}
    assert (found["clock"].well, found["clock"].says) == (None, "GitHub's is 120 s behind ours")


def test_a_nearly_used_up_rate_limit_is_reported(harness: DoctorFixture) -> None:
    """A full one is well."""
    harness.hub.limits.rules = Rules(core=10)
    assert [what for what, _, _ in harness.wrong(hooked=False)] == []
    harness.hub.limits.rules = Rules(core=4)
    found = [harness.findings(hooked=False) for _ in range(3)][-1]
    assert found[-1].what == "limit" or found[0].what == "credentials"
    assert found[-1].well is not True


def test_a_webhook_with_another_address_is_reported(harness: DoctorFixture) -> None:
    """Also one of the organization."""
    harness.hub.hooks[0].url = "https://elsewhere.example.com/hooks/here"
    assert harness.wrong("acme/checkout") == [("webhook of acme/checkout", False, "no webhook sends to OKR Sync")]
    harness.hub.add_hook(url=harness.receiver.url, secret="s", events=EVENTS)
    wrong = harness.wrong("acme/checkout", "acme/checkout")
    assert wrong == [("webhook of acme", None, "does not send organization")]


def test_an_inactive_webhook_is_reported(harness: DoctorFixture) -> None:
    """Switched off, or without the events that we need."""
    hook = harness.hub.hooks[0]
    hook.events = ("issues",)
    ((what, well, says),) = harness.wrong("acme/checkout")
    assert (what, well) == ("webhook of acme/checkout", False)
    assert "pull_request" in says
    hook.active = False
    assert harness.wrong("acme/checkout") == [("webhook of acme/checkout", False, "is not active")]


@pytest.mark.parametrize(
    ("answer", "mend"), [(401, "secrets"), (404, "no connection"), (503, "could not store"), (500, "OKR_SYNC_BASE_URL")]
)
def test_failed_deliveries_are_reported(harness: DoctorFixture, answer: int, mend: str) -> None:
    """With their status and its meaning."""
    harness.receiver.answers.extend([answer] * 2)
    issue = harness.hub.repository("checkout").create_issue("Refund")
    issue.close()
    (one,) = [one for one in harness.findings("acme/checkout") if one.well is not True]
    assert (one.well, one.says) == (False, f"2 of the last 4 deliveries did not arrive: 2 with {answer}")
    assert mend in str(one.mend)
    issue.reopen()
    (one,) = [one for one in harness.findings("acme/checkout") if one.well is not True]
    assert one.well is None


def test_a_delivery_that_arrived_in_the_end_is_well(harness: DoctorFixture) -> None:
    """Its redelivery has the same guid."""
    harness.receiver.answers.append(500)
    harness.hub.repository("checkout").create_issue("Refund")
    harness.hub.redeliver(harness.hub.deliveries[-1])
    assert harness.wrong("acme/checkout") == []


def test_a_broken_connection_to_the_tracker_is_a_finding(harness: DoctorFixture) -> None:
    """Earlier findings are kept."""
    found: list[Finding] = []
    connector = connectors.github.GitHub(HttpClient(now=harness.clock))
    connection = Connection(slug="here", site=harness.hub.api_url, token=harness.hub.token)
    for one in connector.check_connection(connection, scopes=["acme/checkout"], hooked=False):
        found.append(one)
        harness.hub.rest.answer_next(502)
    assert found[0].well is True
    assert found[-1].well is False
    assert "502" in found[-1].says


def test_the_checked_events_are_those_that_are_read() -> None:
    """Both come from one table."""
    assert {"issues", "pull_request", "sub_issues", "label", "milestone", "repository"} <= parsed_events()
    assert "push" not in parsed_events()
    assert sorted(MADE_WITH) == EVENTS
    assert all(any(name.startswith(event) for name in EVENT_RULES) for event in parsed_events())


def test_only_the_first_of_many_repositories_are_checked(
    harness: DoctorFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finding says so."""
    monkeypatch.setattr("connectors.github.doctor.connection.MOST_SCOPES", 0)
    assert harness.wrong("acme/checkout") == [("repositories", None, "only the first 0 were checked")]


def test_an_older_enterprise_server_is_known_by_its_version() -> None:
    """Its webhook needs no events that it does not have."""
    clock = SteppedClock(START)
    with GitHub("acme", clock=clock, background=False, ghes="3.19") as hub, Receiver() as receiver:
        repository = hub.repository("checkout")
        hub.add_hook(repository, url=receiver.url, secret="s", events=[one for one in EVENTS if one != "sub_issues"])
        wrong = DoctorFixture(hub, clock, receiver).wrong("acme/checkout")
    assert [(what, well) for what, well, _ in wrong] == [("version", None)]
    assert "3.19" in wrong[0][2]
