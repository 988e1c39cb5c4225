"""New connections by a token and by hand: what is tried, what is refused and why, and what is stored."""

from html import unescape

import pytest

from simulator import GitHub, Jira
from sync_service.runtime.wiring import Services
from tests.support.example_okrs import NASTY
from tests.web.connections.conftest import Desk
from tests.web.session_client import SessionClient, seen_words


def test_each_tracker_offers_its_ways_in(ana: SessionClient) -> None:
    """No app for Jira, of which none can be made."""
    text = ana.read("/connections/new")
    for path in ("github/app", "github/token", "github/hand", "jira/token", "jira/hand"):
        assert f"/connections/new/{path}" in text
    assert "jira/app" not in text


@pytest.mark.parametrize("path", ["/connections/new/jira/app", "/connections/new/trello/hand", "/connections/none"])
def test_what_there_is_not_is_404(ana: SessionClient, path: str) -> None:
    """A kind without a connector, a way that its tracker lacks, a connection that is gone."""
    assert ana.open(path).status_code == 404


def test_a_token_is_tried_and_stored_with_a_secret_that_nobody_sees(desk: Desk) -> None:
    """What it sees is offered on the next page, and what is watched already is marked."""
    answer = desk.by_token()
    assert (answer.status_code, answer.location) == (302, "/connections/walk/scopes")
    stored = desk.stored()
    assert (stored["token"], stored["webhook_secrets"], stored["earlier"]) == ("kept", ["kept"], "import")
    assert "acme/payments" in desk.ana.read("/connections/walk/scopes/offered")
    assert desk.secrets()[0] not in desk.ana.read("/connections/walk")
    actor, what = desk.audit()[-1]
    assert (actor, what.splitlines()[:2]) == (
        "ana@example.com",
        ["changed on the page Connections", "+ connection walk"],
    )
    assert desk.hub.token not in str(desk.audit())


def test_a_token_that_is_refused_is_neither_stored_nor_shown_again(desk: Desk) -> None:
    """The rest of the form stays as it was typed."""
    answer = desk.ana.submit(
        "/connections/new/github/token",
        on="/connections/new/github/token",
        **desk.form(token="github_pat_wrong", points_field="Size"),
    )
    assert answer.status_code == 422
    assert "does not accept the credentials" in answer.text
    assert 'value="Size"' in answer.text
    assert "github_pat_wrong" not in answer.text
    assert desk.stored() is None


@pytest.mark.parametrize(
    ("status", "said"), [(404, "finds nothing there"), (422, "refuses"), (500, "can&#39;t answer")]
)
def test_a_tracker_that_can_not_answer_is_said_beside_the_token(desk: Desk, status: int, said: str) -> None:
    """Nothing is stored, and the page is no error."""
    desk.hub.rest.answer_next(status)
    answer = desk.by_token()
    assert answer.status_code == 422
    assert said in answer.text
    assert desk.stored() is None


def test_a_tracker_that_is_not_there_is_said(desk: Desk) -> None:
    """Nobody listens on port 9."""
    answer = desk.by_token(site="http://127.0.0.1:9")
    assert "127.0.0.1 does not answer" in answer.text


def test_no_token_is_said(desk: Desk) -> None:
    """Before anybody is asked."""
    answer = desk.ana.submit(
        "/connections/new/github/token", on="/connections/new/github/token", **desk.form(token=" ")
    )
    assert "Paste the token" in answer.text
    assert desk.hub.rest.calls == []


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("slug", "a b", "found &#39;a b&#39;"),
        ("slug", "new", "is reserved"),
        ("slug", "ACME-github", "another connection has this name"),
        ("slug", "", "found"),
        ("owner", "nobody@example.com", "found"),
        ("site", "ftp://github.com", "https://"),
        ("site", "http://10.1.2.3", "https://"),
        ("site", "https://10.1.2.3", "OKR_SYNC_ALLOW_PRIVATE_SITES=true"),
        ("site", "https://[::ffff:192.168.0.1]/", "OKR_SYNC_ALLOW_PRIVATE_SITES=true"),
        ("site", "https://169.254.169.254", "OKR_SYNC_ALLOW_PRIVATE_SITES=true"),
        ("site", "https://user:pass@127.0.0.1", "without user"),
        ("site", "https://no-such-host.invalid", "be found"),
        ("site", "https://[", "https://"),
        ("scopes", "acme/a\nACME/A", "a second time"),
    ],
)
def test_what_can_not_be_taken_is_said_beside_its_field(desk: Desk, field: str, value: str, said: str) -> None:
    """And nothing is connected."""
    before = desk.audit()
    answer = desk.by_hand(**{field: value})
    assert answer.status_code == 422
    assert f'id="{field}-mistake"' in answer.text
    beside = answer.text.partition(f'id="{field}-mistake"')[2].partition("</div>")[0]
    assert said.lower() in beside.lower()
    assert desk.audit() == before


def test_hostile_names_are_shown_as_they_are(desk: Desk) -> None:
    """In every field, and back."""
    answer = desk.by_hand(slug=NASTY, scopes=NASTY, points_field=NASTY)
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
    assert desk.by_hand(scopes=f"{NASTY}, acme/checkout").status_code == 302
    assert desk.stored()["scopes"] == ["<script>alert('x')</script> & “quotes”", "acme/checkout"]
    for path in ("/connections", "/connections/walk", "/connections/walk/scopes", "/connections/walk/remove"):
        assert "<script>alert" not in desk.ana.read(path)


def test_by_hand_the_secret_is_shown_once_and_the_values_always(desk: Desk) -> None:
    """A refresh of the open page neither shows it nor uses it up."""
    assert desk.by_hand().location == "/connections/walk"
    (made,) = desk.secrets()
    live = desk.ana.client.get("/connections/walk", headers={"X-Live": "1"}).text
    assert made not in live
    first = desk.ana.read("/connections/walk")
    assert f'value="{made}"' in first
    again = desk.ana.read("/connections/walk")
    assert made not in again
    assert 'value="http://127.0.0.1:8080/hooks/walk"' in again
    assert desk.stored()["earlier"] == "ignore"
    for word in ("Payload URL", "application/json", "Sub-issues", "Milestones"):
        assert word in seen_words(again)


def test_a_jira_is_connected_by_a_token(desk: Desk) -> None:
    """Its projects are offered, and its webhook is made by hand: so the secret is shown."""
    with Jira(background=False) as jira:
        jira.project("SHOP", "The shop")
        fields = desk.form(site=f"{jira.url}/jira/software/projects/SHOP", email=jira.email, token=jira.token)
        path = "/connections/new/jira/token"
        wrong = desk.ana.submit(path, on=path, **(fields | {"email": "else@example.com"}))
        assert (wrong.status_code, "does not accept" in wrong.text) == (422, True)
        answer = desk.ana.submit(path, on=path, **(fields | {"earlier": "ignore"}))
        assert answer.location == "/connections/walk/scopes"
        offered = desk.ana.words("/connections/walk/scopes/offered")
        assert "SHOP The shop" in offered
        desk.ana.submit("/connections/walk/scopes", on="/connections/walk/scopes", scope="SHOP")
        shown = unescape(desk.ana.read("/connections/walk"))
        assert desk.secrets()[0] in shown
        assert 'project in ("SHOP")' in shown
        assert desk.stored()["site"] == jira.url


def test_a_tracker_in_a_private_network_is_taken_where_the_operator_allows_it(desk: Desk, services: Services) -> None:
    """The setting is what the refusal names."""
    allowing = services.settings.model_copy(update={"allow_private_sites": True})
    object.__setattr__(services, "settings", allowing)
    assert desk.by_hand(site="https://10.1.2.3/api/v3").status_code == 302
    assert desk.stored()["site"] == "https://10.1.2.3/api/v3"


def test_this_machine_is_taken_only_where_the_service_itself_is_reached_there(desk: Desk, services: Services) -> None:
    """A service in the world must not be a way to what listens beside it."""
    object.__setattr__(
        services, "settings", services.settings.model_copy(update={"given_base_url": "https://203.0.113.9"})
    )
    answer = desk.by_hand()
    assert answer.status_code == 422
    assert "is this machine." in answer.text


def test_a_member_may_look_and_change_nothing(desk: Desk, ben: SessionClient, hub: GitHub) -> None:
    """Secrets, addresses to paste and buttons are the admins'."""
    desk.by_hand()
    text = ben.read("/connections/walk")
    assert "/hooks/walk" not in text
    assert "Create a new secret" not in text
    assert "walk" in ben.words("/connections")
    for path in ("/connections/new", "/connections/walk/scopes", "/connections/walk/remove"):
        assert ben.open(path).status_code == 403
    for path in ("/ask", "/scopes", "/scopes/remove", "/credentials", "/secrets", "/settings", "/remove", "/webhooks"):
        assert ben.client.post(f"/connections/walk{path}").status_code in (400, 403)
    assert hub.rest.calls == []


def test_a_form_without_its_token_is_refused(desk: Desk) -> None:
    """Whoever sends it."""
    desk.by_hand()
    for path in ("/connections/new/github/hand", "/connections/new/github/app", "/connections/walk/remove"):
        assert desk.ana.client.post(path, data=desk.form(slug="else", name="walk")).status_code == 400
    assert desk.stored() is not None
    assert desk.stored("else") is None
