"""New connections by a token or for a webhook only: test calls, errors, and what is stored."""

import socket
from html import unescape
from ipaddress import IPv4Address

import pytest

from simulator import GitHub, Jira
from sync_service.runtime.wiring import Services
from sync_service.web.connections import site_check
from sync_service.web.connections.site_check import BadSite, check_site
from tests.support.example_okrs import NASTY
from tests.web.connections.conftest import ConnectionsHarness
from tests.web.session_client import SessionClient, seen_words


def test_each_tracker_offers_its_forms(ana: SessionClient) -> None:
    """Jira has no apps to create."""
    text = ana.read("/connections/new")
    for path in ("github/app", "github/token", "github/hand", "jira/token", "jira/hand"):
        assert f"/connections/new/{path}" in text
    assert "jira/app" not in text


@pytest.mark.parametrize("path", ["/connections/new/jira/app", "/connections/new/trello/hand", "/connections/none"])
def test_an_unknown_form_or_connection_answers_404(ana: SessionClient, path: str) -> None:
    """The tracker has no such form, the kind has no connector, or the connection does not exist."""
    assert ana.open(path).status_code == 404


def test_a_token_is_tried_and_stored_with_a_new_webhook_secret(harness: ConnectionsHarness) -> None:
    """The next page offers the scopes of the token; no page shows the secret."""
    response = harness.by_token()
    assert (response.status_code, response.location) == (302, "/connections/walk/scopes")
    stored = harness.stored()
    assert (stored["token"], stored["webhook_secrets"], stored["earlier"]) == ("kept", ["kept"], "import")
    assert "acme/payments" in harness.ana.read("/connections/walk/scopes/offered")
    assert harness.secrets()[0] not in harness.ana.read("/connections/walk")
    actor, what = harness.audit()[-1]
    assert (actor, what.splitlines()[:2]) == (
        "ana@example.com",
        ["changed on the page Connections", "+ connection walk"],
    )
    assert harness.hub.token not in str(harness.audit())


def test_a_refused_token_is_neither_stored_nor_shown(harness: ConnectionsHarness) -> None:
    """The other fields keep their values."""
    response = harness.ana.submit(
        "/connections/new/github/token",
        on="/connections/new/github/token",
        **harness.form(token="github_pat_wrong", points_field="Size"),
    )
    assert response.status_code == 422
    assert "does not accept the credentials" in response.text
    assert 'value="Size"' in response.text
    assert "github_pat_wrong" not in response.text
    assert harness.stored() is None


@pytest.fixture
def unknown_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no name be resolved."""

    def resolve(*_host: object, **_more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.mark.usefixtures("unknown_names")
def test_a_token_is_sent_to_no_name_that_cannot_be_resolved(harness: ConnectionsHarness) -> None:
    """The field says so."""
    response = harness.by_token(site="https://git.intern.example")
    assert response.status_code == 422
    assert "can&#39;t be found" in response.text
    assert harness.stored() is None


@pytest.mark.usefixtures("unknown_names")
def test_connecting_by_hand_needs_no_name_to_resolve(harness: ConnectionsHarness) -> None:
    """Nothing is called. A token for it is refused as long as the name can't be resolved."""
    response = harness.by_webhook_only(site="https://git.intern.example", scopes="acme/app")
    assert (response.status_code, response.location) == (302, "/connections/walk")
    assert harness.stored()["site"].startswith("https://git.intern.example")
    harness.send("/credentials", token="ghp_x")
    assert "token" not in harness.stored()
    assert harness.send("/settings", token="ghp_x", earlier="ignore").status_code == 422
    assert "token" not in harness.stored()


@pytest.mark.parametrize("site", ["http://git.intern.example", "https://10.0.0.7", "ftp://git.intern.example"])
def test_connecting_by_hand_refuses_what_is_wrong_without_resolving(harness: ConnectionsHarness, site: str) -> None:
    """Plain http, a private address in digits, another scheme."""
    assert harness.by_webhook_only(site=site, scopes="acme/app").status_code == 422
    assert harness.stored() is None


def test_a_first_token_is_not_sent_into_a_private_network(
    harness: ConnectionsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The site of a connection by hand was not resolved before."""
    harness.by_webhook_only(site="https://git.intern.example", scopes="acme/app")

    def resolve(*_host: object, **_more: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    harness.send("/credentials", token="ghp_x")
    assert "token" not in harness.stored()
    assert any("is in a private network" in message for message in harness.flash_messages())
    assert harness.send("/settings", token="ghp_x", earlier="ignore").status_code == 422
    assert "token" not in harness.stored()


def test_a_scope_without_deliveries_is_not_called_imported(harness: ConnectionsHarness) -> None:
    """Nothing is known of what it watches until something arrives."""
    harness.by_webhook_only(scopes="acme/app")
    words = harness.ana.words("/connections/walk")
    assert "no delivery yet" in words
    assert "acme/app name not confirmed" in words
    assert "acme/app imported" not in words
    assert "importing" not in words


@pytest.mark.parametrize(
    ("status", "message"), [(404, "finds nothing there"), (422, "refuses"), (500, "can&#39;t answer")]
)
def test_an_error_of_the_tracker_is_shown_beside_the_token(
    harness: ConnectionsHarness, status: int, message: str
) -> None:
    """Nothing is stored."""
    harness.hub.rest.answer_next(status)
    response = harness.by_token()
    assert response.status_code == 422
    assert message in response.text
    assert harness.stored() is None


def test_an_unreachable_tracker_is_an_error(harness: ConnectionsHarness) -> None:
    """Nothing listens on port 9."""
    response = harness.by_token(site="http://127.0.0.1:9")
    assert "127.0.0.1 does not answer" in response.text


def test_an_empty_token_is_an_error_without_a_call(harness: ConnectionsHarness) -> None:
    """The tracker is not called."""
    response = harness.ana.submit(
        "/connections/new/github/token", on="/connections/new/github/token", **harness.form(token=" ")
    )
    assert "Paste the token" in response.text
    assert harness.hub.rest.calls == []


@pytest.mark.parametrize(
    ("field", "value", "message"),
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
        ("site", "https://[", "https://"),
        ("scopes", "acme/a\nACME/A", "a second time"),
    ],
)
def test_an_invalid_field_has_its_error_beside_it(
    harness: ConnectionsHarness, field: str, value: str, message: str
) -> None:
    """Nothing is stored."""
    before = harness.audit()
    response = harness.by_webhook_only(**{field: value})
    assert response.status_code == 422
    assert f'id="{field}-error"' in response.text
    shown_error = response.text.partition(f'id="{field}-error"')[2].partition("</div>")[0]
    assert message.lower() in shown_error.lower()
    assert harness.audit() == before


def test_names_are_escaped(harness: ConnectionsHarness) -> None:
    """Every page of a connection escapes them."""
    response = harness.by_webhook_only(slug=NASTY, scopes=NASTY, points_field=NASTY)
    assert response.status_code == 422
    assert "<script>alert" not in response.text
    response = harness.by_webhook_only(scopes=f"{NASTY}, acme/checkout")
    assert response.status_code == 422
    assert "<script>alert" not in response.text
    assert harness.by_webhook_only(scopes="acme/checkout").status_code == 302
    for path in ("/connections", "/connections/walk", "/connections/walk/scopes", "/connections/walk/remove"):
        assert "<script>alert" not in harness.ana.read(path)


def test_for_a_webhook_only_the_secret_is_shown_once(harness: ConnectionsHarness) -> None:
    """A background refresh neither shows nor consumes it; the other values are always shown."""
    assert harness.by_webhook_only().location == "/connections/walk"
    (secret,) = harness.secrets()
    live = harness.ana.client.get("/connections/walk", headers={"X-Live": "1"}).text
    assert secret not in live
    first = harness.ana.read("/connections/walk")
    assert f'value="{secret}"' in first
    again = harness.ana.read("/connections/walk")
    assert secret not in again
    assert 'value="http://127.0.0.1:8080/hooks/walk"' in again
    assert harness.stored()["earlier"] == "ignore"
    for word in ("Payload URL", "application/json", "Sub-issues", "Milestones"):
        assert word in seen_words(again)


@pytest.mark.slow
def test_a_jira_is_connected_by_a_token(harness: ConnectionsHarness) -> None:
    """Its projects are offered. Without its webhook created, the page shows the secret."""
    with Jira(background=False) as jira:
        jira.project("SHOP", "The shop")
        fields = harness.form(site=f"{jira.url}/jira/software/projects/SHOP", email=jira.email, token=jira.token)
        path = "/connections/new/jira/token"
        wrong = harness.ana.submit(path, on=path, **(fields | {"email": "else@example.com"}))
        assert (wrong.status_code, "does not accept" in wrong.text) == (422, True)
        response = harness.ana.submit(path, on=path, **(fields | {"earlier": "ignore"}))
        assert response.location == "/connections/walk/scopes"
        offered = harness.ana.words("/connections/walk/scopes/offered")
        assert "SHOP The shop" in offered
        harness.ana.submit("/connections/walk/scopes", on="/connections/walk/scopes", scope="SHOP")
        shown = unescape(harness.ana.read("/connections/walk"))
        assert harness.secrets()[0] in shown
        assert 'project in ("SHOP")' in shown
        assert harness.stored()["site"] == jira.url


def test_a_private_address_is_allowed_by_a_setting(harness: ConnectionsHarness, services: Services) -> None:
    """The error message names the setting."""
    allowing = services.settings.model_copy(update={"allow_private_sites": True})
    object.__setattr__(services, "settings", allowing)
    assert harness.by_webhook_only(site="https://10.1.2.3/api/v3").status_code == 302
    assert harness.stored()["site"] == "https://10.1.2.3/api/v3"


def test_loopback_is_allowed_only_if_the_service_is_on_loopback(
    harness: ConnectionsHarness, services: Services
) -> None:
    """A public service must not give access to local ports."""
    object.__setattr__(
        services, "settings", services.settings.model_copy(update={"given_base_url": "https://203.0.113.9"})
    )
    response = harness.by_webhook_only()
    assert response.status_code == 422
    assert "is this machine." in response.text


@pytest.mark.parametrize(
    ("base_url", "here"),
    [
        ("http://localhost:8080", True), ("http://127.0.0.1", True), ("http://127.9.9.9", True),
        ("http://[::1]:1", True),
        ("http://localhost.localdomain", False), ("http://0.0.0.0", False), ("http://okr.example", False),
    ],
)  # fmt: skip
def test_only_a_literal_address_says_that_the_service_is_on_loopback(
    monkeypatch: pytest.MonkeyPatch, base_url: str, *, here: bool
) -> None:
    """A name may lead anywhere at any moment, also to this machine."""
    monkeypatch.setattr(site_check, "_addresses", lambda _host: [IPv4Address("127.0.0.1")])
    if here:
        check_site("http://127.0.0.1:1", base_url=base_url, allow_private=False)
        return
    with pytest.raises(BadSite, match="is this machine"):
        check_site("http://127.0.0.1:1", base_url=base_url, allow_private=False)


def test_a_member_may_read_but_not_change_connections(
    harness: ConnectionsHarness, ben: SessionClient, hub: GitHub
) -> None:
    """Secrets, webhook addresses and buttons are only for admins."""
    harness.by_webhook_only()
    text = ben.read("/connections/walk")
    assert "/hooks/walk" not in text
    assert "Create a new secret" not in text
    assert "walk" in ben.words("/connections")
    for path in ("/connections/new", "/connections/walk/scopes", "/connections/walk/remove"):
        assert ben.open(path).status_code == 403
    for path in ("/ask", "/scopes", "/scopes/remove", "/credentials", "/secrets", "/settings", "/remove", "/webhooks"):
        assert ben.client.post(f"/connections/walk{path}").status_code in (400, 403)
    assert hub.rest.calls == []


def test_a_form_without_its_csrf_token_is_refused(harness: ConnectionsHarness) -> None:
    """A session of an admin is not enough."""
    harness.by_webhook_only()
    for path in ("/connections/new/github/hand", "/connections/new/github/app", "/connections/walk/remove"):
        assert harness.ana.client.post(path, data=harness.form(slug="else", name="walk")).status_code == 400
    assert harness.stored() is not None
    assert harness.stored("else") is None
