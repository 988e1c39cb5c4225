"""What an examination of a connection to GitHub finds, and what it says to do about it."""

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
from tests.connectors.github.doctor_fixture import EVENTS, DoctorFixture, open_surgery
from tests.simulator.receiver import Receiver


@pytest.fixture
def surgery() -> Iterator[DoctorFixture]:
    """Give the surgery."""
    with open_surgery() as made:
        yield made


def test_all_is_well(surgery: DoctorFixture) -> None:
    """Each part of it is said."""
    found = surgery.findings("acme/checkout")
    assert [one for one in found if one.well is not True or one.mend] == []
    said = {one.what: one.says for one in found}
    assert said["credentials"].startswith("accepted: ")
    assert said["clock"] == "ours and GitHub's agree"
    assert said["acme/checkout"] == "can be seen"
    assert said["webhook of acme/checkout"] == "the last 2 deliveries arrived"


def test_a_refused_token_ends_it(surgery: DoctorFixture) -> None:
    """With GitHub's words, and nothing of the token."""
    (one,) = surgery.findings("acme/checkout", token="ghp_secret")
    assert (one.what, one.well) == ("credentials", False)
    assert "Bad credentials" in one.says
    assert "ghp_secret" not in repr(one)
    assert one.mend


@pytest.mark.parametrize(("days", "well"), [(3, None), (90, True)])
def test_a_token_that_expires_soon_is_told(surgery: DoctorFixture, days: int, well: bool | None) -> None:  # noqa: FBT001 - a parameter of the test
    """Before it does."""
    token = surgery.hub.add_token("ana", expires=START + timedelta(days=days, hours=1))
    (one,) = [one for one in surgery.findings(token=token.text) if one.what == "expiry"]
    assert (one.well, one.says) == (well, f"the token expires on {token.expires:%Y-%m-%d}, in {days} days")


def test_missing_permissions_are_named(surgery: DoctorFixture) -> None:
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


def test_repositories_that_changed_are_told(surgery: DoctorFixture) -> None:
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
    assert "its name is acme/new now" in wrong[0][2]
    assert "404" in wrong[2][2]


def test_clocks_that_differ_are_told(surgery: DoctorFixture) -> None:
    """Ours may be the wrong one."""
    connector = connectors.github.GitHub(HttpClient(now=SteppedClock(START + timedelta(minutes=2))))
    connection = Connection(slug="here", site=surgery.hub.api_url, token=surgery.hub.token)
    found = {one.what: one for one in connector.check_connection(connection, scopes=(), hooked=False)}
    assert (found["clock"].well, found["clock"].says) == (None, "GitHub's is 120 s behind ours")


def test_a_limit_that_is_nearly_used_up_is_told(surgery: DoctorFixture) -> None:
    """And whole ones are well."""
    surgery.hub.limits.rules = Rules(core=10)
    assert [what for what, _, _ in surgery.wrong(hooked=False)] == []
    surgery.hub.limits.rules = Rules(core=4)
    found = [surgery.findings(hooked=False) for _ in range(3)][-1]
    assert found[-1].what == "limit" or found[0].what == "credentials"
    assert found[-1].well is not True


def test_a_webhook_that_does_not_lead_here_is_told(surgery: DoctorFixture) -> None:
    """Nor one of the organisation."""
    surgery.hub.hooks[0].url = "https://elsewhere.example.com/hooks/here"
    assert surgery.wrong("acme/checkout") == [("webhook of acme/checkout", False, "no webhook sends to OKR Sync")]
    surgery.hub.add_hook(url=surgery.receiver.url, secret="s", events=EVENTS)
    wrong = surgery.wrong("acme/checkout", "acme/checkout")
    assert wrong == [("webhook of acme", None, "does not send organization")]


def test_a_webhook_that_rests_is_told(surgery: DoctorFixture) -> None:
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
def test_deliveries_that_did_not_arrive_are_told(surgery: DoctorFixture, answer: int, mend: str) -> None:
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


def test_a_delivery_that_arrived_in_the_end_is_well(surgery: DoctorFixture) -> None:
    """Its redelivery has the same guid."""
    surgery.receiver.answers.append(500)
    surgery.hub.repository("checkout").create_issue("Refund")
    surgery.hub.redeliver(surgery.hub.deliveries[-1])
    assert surgery.wrong("acme/checkout") == []


def test_a_tracker_that_breaks_off_is_a_finding(surgery: DoctorFixture) -> None:
    """What was found before stands."""
    found: list[Finding] = []
    connector = connectors.github.GitHub(HttpClient(now=surgery.clock))
    connection = Connection(slug="here", site=surgery.hub.api_url, token=surgery.hub.token)
    for one in connector.check_connection(connection, scopes=["acme/checkout"], hooked=False):
        found.append(one)
        surgery.hub.rest.answer_next(502)
    assert found[0].well is True
    assert found[-1].well is False
    assert "502" in found[-1].says


def test_the_events_that_matter_are_those_that_are_read() -> None:
    """From the one table."""
    assert {"issues", "pull_request", "sub_issues", "label", "milestone", "repository"} <= parsed_events()
    assert "push" not in parsed_events()
    assert sorted(MADE_WITH) == EVENTS
    assert all(any(name.startswith(event) for name in EVENT_RULES) for event in parsed_events())


def test_of_many_repositories_only_the_first_are_looked_at(
    surgery: DoctorFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said."""
    monkeypatch.setattr("connectors.github.doctor.connection.MOST_SCOPES", 0)
    assert surgery.wrong("acme/checkout") == [("repositories", None, "only the first 0 were checked")]


def test_an_older_enterprise_server_is_known_by_its_version() -> None:
    """What it can't tell is not asked of its webhook."""
    clock = SteppedClock(START)
    with GitHub("acme", clock=clock, background=False, ghes="3.19") as hub, Receiver() as receiver:
        place = hub.repository("checkout")
        hub.add_hook(place, url=receiver.url, secret="s", events=[one for one in EVENTS if one != "sub_issues"])
        wrong = DoctorFixture(hub, clock, receiver).wrong("acme/checkout")
    assert [(what, well) for what, well, _ in wrong] == [("version", None)]
    assert "3.19" in wrong[0][2]
