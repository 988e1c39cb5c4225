"""The page of a connection: what it shows, and what its forms change."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from simulator import GitHub, Jira
from sync_service.config_file.plan.export import as_yaml, export_state
from sync_service.config_file.read.state import read_state
from sync_service.domain import listing
from sync_service.domain.trackers.connector import WebhookRequest
from sync_service.ingest.receive import Receipt
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import database_now, reading, writing
from sync_service.store.jobs import write_backs
from sync_service.store.queue import rate_limits
from sync_service.store.trackers import connections
from tests.support.example_okrs import Example
from tests.support.services import add
from tests.web.connections.conftest import ConnectionsHarness
from tests.web.session_client import SessionClient

pytestmark = pytest.mark.slow


@pytest.fixture
def connected(harness: ConnectionsHarness) -> ConnectionsHarness:
    """Return the harness with a connection by token."""
    assert harness.by_token().status_code == 302
    harness.send("/scopes", typed="acme/checkout\nacme/payments", hooks="on")
    return harness


def test_scopes_are_added_and_removed(connected: ConnectionsHarness) -> None:
    """Each is stored once, in any case of letters; removing an unknown scope changes nothing."""
    connected.send("/scopes", typed="ACME/checkout, acme/third", scope="acme/payments")
    assert connected.stored()["scopes"] == ["acme/checkout", "acme/payments", "acme/third"]
    connected.send("/scopes/remove", scope="acme/third")
    connected.send("/scopes/remove", scope="acme/none")
    assert connected.stored()["scopes"] == ["acme/checkout", "acme/payments"]
    assert connected.send("/scopes", typed=" \n,").location == "/connections/walk/scopes"
    assert "Nothing was chosen." in connected.flash_messages()


def test_a_scope_typed_as_an_address_is_read_and_what_can_t_be_one_is_refused(connected: ConnectionsHarness) -> None:
    """Saying what is allowed."""
    connected.send("/scopes", typed=f"{connected.hub.url}/acme/checkout/issues, acme/third.git")
    assert connected.stored()["scopes"] == ["acme/checkout", "acme/payments", "acme/third"]
    assert connected.send("/scopes", typed="acme/*, acme/fourth").location == "/connections/walk/scopes"
    assert "found 'acme/*'; allowed: one repository as owner/name, or its web address" in connected.flash_messages()[-1]
    assert connected.stored()["scopes"] == ["acme/checkout", "acme/payments", "acme/third"]


def test_a_repository_that_took_the_old_name_of_a_watched_one_can_be_chosen(
    connected: ConnectionsHarness, services: Services
) -> None:
    """Then both are watched, each by its present name."""
    now = {"external_id": "501", "current_name": "acme/checkout-old"}
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.scope).where(tables.scope.c.name == "acme/checkout").values(now))
    connected.send("/scopes", typed="acme/checkout-old")
    assert connected.stored()["scopes"] == ["acme/checkout", "acme/payments"]
    connected.send("/scopes", typed="acme/checkout")
    assert sorted(connected.stored()["scopes"]) == ["acme/checkout", "acme/checkout-old", "acme/payments"]
    with reading(services.engine) as tx:
        rows = {row.name: row.external_id for row in tx.execute(sa.select(tables.scope))}
    assert (rows["acme/checkout-old"], rows["acme/checkout"]) == ("501", None)


def test_a_scope_that_nothing_has_named_is_not_shown_as_imported(
    connected: ConnectionsHarness, services: Services
) -> None:
    """Its name may be wrong."""
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.scope).values(covered_at=services.now()))
        tx.execute(sa.update(tables.scope).where(tables.scope.c.name == "acme/payments").values(external_id="502"))
    words = connected.ana.words("/connections/walk")
    assert "acme/checkout name not confirmed Neither a delivery nor a poll has named it. Is the name right?" in words
    assert "acme/payments imported" in words


def test_after_a_rotation_both_secrets_are_accepted_until_the_older_is_removed(
    connected: ConnectionsHarness, services: Services
) -> None:
    """The new one is shown once. A form of an outdated page removes nothing."""
    (old,) = connected.secrets()
    connected.send("/secrets", act="rotate")
    new, kept = connected.secrets()
    assert kept == old
    page = connected.ana.read("/connections/walk")
    assert f'value="{new}"' in page
    assert "2 are accepted" in page
    mark = page.partition('name="newest" value="')[2].partition('"')[0]
    assert new not in mark
    connected.send("/secrets", act="keep", newest="0" * 24)
    assert "The webhook secret was changed meanwhile. Check it again." in connected.flash_messages()
    assert connected.secrets() == (new, old)
    connected.send("/secrets", act="keep", newest=mark)
    assert connected.secrets() == (new,)
    body = b'{"zen": "x"}'
    assert services.receive.receive("walk", WebhookRequest({"x-github-event": "ping"}, body)) is Receipt.FORGED


def test_a_token_is_replaced_after_a_test_call(connected: ConnectionsHarness) -> None:
    """A refused token changes nothing, and is not shown."""
    connected.send("/credentials", token="github_pat_wrong")
    messages = connected.flash_messages()
    assert "does not accept the credentials" in str(messages)
    assert "github_pat_wrong" not in str(messages)
    before = len(connected.audit())
    other = connected.hub.add_token("anaruiz")
    connected.send("/credentials", token=other.text)
    assert connected.audit()[before][1].splitlines()[1] == "~ connection walk: token changed"
    connected.send("/credentials", token=" ")
    assert "Paste the token first." in connected.flash_messages()


def test_removed_credentials_leave_the_webhook(connected: ConnectionsHarness) -> None:
    """Importing needs credentials, so it is disabled with them."""
    connected.send("/credentials", act="remove")
    stored = connected.stored()
    assert ("token" in stored, stored["earlier"], stored["webhook_secrets"]) == (False, "ignore", ["kept"])
    connected.send("/settings", earlier="import", owner="ana@example.com")
    assert "import without a token or an app" in str(connected.flash_messages())
    assert connected.stored()["earlier"] == "ignore"


def test_settings_are_changed_and_emptied(connected: ConnectionsHarness) -> None:
    """They are owner, earlier issues and options of the connector; an address among them is checked like a site."""
    connected.send("/settings", earlier="ignore", owner="ben@example.com", points_field="Size")
    stored = connected.stored()
    assert (stored["earlier"], stored["owner"], stored["points_field"]) == ("ignore", "ben@example.com", "Size")
    connected.send("/settings", earlier="import", owner="", points_field="")
    stored = connected.stored()
    assert (stored["earlier"], "owner" in stored, "points_field" in stored) == ("import", False, False)
    connected.send("/settings", earlier="import", points_field="http://10.0.0.1/x")
    assert "points_field" not in connected.stored()
    assert "Nothing to change." in str(connected.send("/settings", earlier="import") and connected.flash_messages())


def test_write_back_is_enabled_and_disabled(connected: ConnectionsHarness) -> None:
    """It needs credentials; removing them disables it."""
    kept = {"earlier": "ignore", "owner": ""}
    assert 'name="write_back"' in connected.ana.read("/connections/walk")
    connected.send("/settings", **kept, write_back="yes")
    assert connected.stored()["write_back"] is True
    assert 'name="write_back" value="yes" checked' in connected.ana.read("/connections/walk")
    connected.send("/settings", **kept)
    assert "write_back" not in connected.stored()
    connected.send("/settings", **kept, write_back="yes")
    connected.send("/credentials", act="remove")
    assert "write_back" not in connected.stored()
    assert 'name="write_back"' not in connected.ana.read("/connections/walk")


@pytest.fixture
def jira_connected(harness: ConnectionsHarness) -> Iterator[tuple[ConnectionsHarness, Jira]]:
    """Yield the harness with a connection to a Jira by token, and the Jira."""
    with Jira(background=False) as jira:
        path = "/connections/new/jira/token"
        created = harness.ana.submit(path, on=path, **harness.form(site=jira.url, email=jira.email, token=jira.token))
        assert created.location == "/connections/walk/scopes"
        jira.rest.calls.clear()
        yield harness, jira


def test_boolean_options_are_enabled_and_disabled(jira_connected: tuple[ConnectionsHarness, Jira]) -> None:
    """The form shows them as stored."""
    harness, jira = jira_connected
    form = {"owner": "", "earlier": "ignore", "email": jira.email}
    harness.send("/settings", **form, write_back="yes", write_comments="yes")
    assert (harness.stored()["write_back"], harness.stored()["write_comments"]) == (True, True)
    assert 'name="write_comments" value="yes" checked' in harness.ana.read("/connections/walk")
    harness.send("/settings", **form, write_back="yes")
    assert (harness.stored()["write_back"], "write_comments" in harness.stored()) == (True, False)


def test_a_stored_token_is_not_sent_to_a_new_address(jira_connected: tuple[ConnectionsHarness, Jira]) -> None:
    """Changing an address needs the token, which is tried there; removing the address is refused."""
    harness, jira = jira_connected
    form = {"owner": "ben@example.com", "earlier": "import", "email": jira.email}
    new_address = f"{jira.url}/"
    response = harness.send("/settings", **form, api_site=new_address)
    message = response.text.partition('id="option-api_site-error"')[2].partition("</div>")[0]
    assert (response.status_code, "paste the token again" in message) == (422, True)
    assert f'name="api_site" value="{new_address}"' in response.text
    assert "data-changes=" not in response.text
    wrong = harness.send("/settings", **form, api_site=new_address, token="wrong")
    assert (wrong.status_code, 'id="settings-token-error"' in wrong.text) == (422, True)
    assert 'value="wrong"' not in wrong.text
    assert ("api_site" in harness.stored(), harness.stored()["owner"]) == (False, "ana@example.com")
    assert harness.send("/settings", **form, api_site=new_address, token=jira.token).status_code == 302
    assert (harness.stored()["api_site"], harness.stored()["owner"]) == (new_address, "ben@example.com")
    assert harness.send("/settings", **form, api_site=new_address).status_code == 302
    assert harness.send("/settings", **form, api_site="").status_code == 422
    assert harness.stored()["api_site"] == new_address


def test_settings_with_an_address_ask_for_the_token_again(jira_connected: tuple[ConnectionsHarness, Jira]) -> None:
    """A setting of Jira may be an address."""
    assert 'id="settings-token"' in jira_connected[0].ana.read("/connections/walk")


def test_settings_without_an_address_do_not_ask_for_the_token_again(connected: ConnectionsHarness) -> None:
    """None of GitHub's is an address."""
    assert 'id="settings-token"' not in connected.ana.read("/connections/walk")


def test_without_credentials_an_address_may_change(jira_connected: tuple[ConnectionsHarness, Jira]) -> None:
    """There is nothing to send; a later token is tried at the new address."""
    harness, jira = jira_connected
    harness.send("/credentials", act="remove")
    assert harness.send("/settings", email=jira.email, api_site=f"{jira.url}/").status_code == 302
    assert harness.stored()["api_site"] == f"{jira.url}/"
    refused = harness.send("/settings", email=jira.email, api_site="https://10.0.0.1\\x.example.com")
    message = refused.text.partition('id="option-api_site-error"')[2].partition("</div>")[0]
    assert (refused.status_code, "It must be an address whose host" in message) == (422, True)


def test_a_poll_can_be_requested_now(connected: ConnectionsHarness, services: Services) -> None:
    """Each poll of the connection becomes due; without credentials there is none."""
    with writing(services.engine) as tx:
        later = {"due_at": database_now(tx) + timedelta(days=9)}
        tx.execute(sa.update(tables.poll).values(later))
    connected.send("/ask")
    with reading(services.engine) as tx:
        due = tx.scalars(sa.select(tables.poll.c.due_at)).all()
        assert max(due) <= database_now(tx)
    assert "Polling for changes now" in str(connected.flash_messages())
    connected.ana.submit("/connections/acme-github/ask", on="/connections/acme-github")
    assert "Nothing to poll" in str(connected.flash_messages())


@pytest.mark.both_databases
def test_a_removal_lists_what_it_deletes_and_needs_the_name(
    harness: ConnectionsHarness, services: Services, example: Example
) -> None:
    """Rules, links and issues are deleted; key results are computed without them."""
    page = harness.ana.words("/connections/acme-github/remove")
    assert "known issue" in page
    assert "rule" in page
    wrong = harness.ana.submit("/connections/acme-github/remove", on="/connections/acme-github/remove", name="acme")
    assert wrong.location == "/connections/acme-github/remove"
    assert harness.stored("acme-github") is not None
    done = harness.ana.submit(
        "/connections/acme-github/remove", on="/connections/acme-github/remove", name="acme-github"
    )
    assert done.location == "/connections"
    assert harness.stored("acme-github") is None
    assert harness.ana.open("/connections/acme-github").status_code == 404
    assert harness.audit()[-1][1].splitlines()[:2] == ["changed on the page Connections", "- connection acme-github"]
    with reading(services.engine) as tx:
        assert tx.scalar(
            sa.select(sa.func.count())
            .select_from(tables.recompute)
            .where(tables.recompute.c.key_result_id == example.key_results["KR-1"])
        )


def test_a_connection_from_the_pages_is_the_same_as_one_from_a_file(
    connected: ConnectionsHarness, services: Services
) -> None:
    """It can be exported, and saving the same settings changes nothing."""
    with reading(services.engine) as tx:
        text = as_yaml(export_state(read_state(tx, services.sealer)))
    assert "slug: walk" in text
    before = connected.audit()
    assert connected.send("/settings", earlier="import", owner="ana@example.com").status_code == 302
    assert connected.audit() == before


def test_webhooks_are_created_once_and_updated_later(connected: ConnectionsHarness) -> None:
    """They get the newest secret, our events and JSON; webhooks of others stay unchanged."""
    repository = connected.hub.repository("checkout")
    other = connected.hub.add_hook(
        repository, url="http://127.0.0.1:9/else", secret="x", content_type="form", events=("push",)
    )
    for count, message in ((2, "The webhook was created."), (2, "Its webhook existed and was updated.")):
        connected.send("/secrets", act="rotate")
        for name in ("acme/checkout", "acme/payments"):
            assert message in connected.send("/webhooks/one", scope=name).text
        own_hooks = [hook for hook in connected.hub.hooks if hook is not other]
        assert len(own_hooks) == count
        assert {(hook.url, hook.secret, hook.content_type, hook.active) for hook in own_hooks} == {
            ("http://127.0.0.1:8080/hooks/walk", connected.secrets()[0], "json", True)
        }
        assert {"issues", "sub_issues", "pull_request"} <= set(own_hooks[0].events)
    assert (other.url, other.content_type, other.events) == ("http://127.0.0.1:9/else", "form", ("push",))
    assert "acme/checkout" in connected.send("/webhooks").text


@pytest.mark.parametrize("name", ["acme/none", "../../user", "acme/checkout/../payments", "x", "<b>"])
def test_a_webhook_that_can_not_be_created_is_left_to_the_admin(connected: ConnectionsHarness, name: str) -> None:
    """The page says why, and shows the secret."""
    connected.hub.rest.calls.clear()
    response = connected.send("/webhooks/one", scope=name)
    assert "create by hand" in response.text
    assert "<b>" not in response.text
    assert all("/user" not in call.path for call in connected.hub.rest.calls)
    assert connected.secrets()[0] in connected.ana.read("/connections/walk")


def test_an_error_of_the_tracker_is_shown_beside_its_webhook(connected: ConnectionsHarness) -> None:
    """The list of its scopes shows it too."""
    connected.hub.rest.answer_next(500)
    assert "can&#39;t answer now (500)" in connected.send("/webhooks/one", scope="acme/checkout").text
    connected.hub.rest.answer_next(500)
    assert "can&#39;t answer now (500)" in connected.ana.read("/connections/walk/scopes/offered")


def test_an_older_server_gets_a_webhook_without_new_events(
    connected: ConnectionsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It rejects a webhook with an unknown event."""
    connected.hub.rest.calls.clear()
    seen: list[int] = []
    monkeypatch.setattr(connected.hub.rest, "_finish", _rejecting_once(connected.hub, seen))
    assert "The webhook was created." in connected.send("/webhooks/one", scope="acme/checkout").text
    assert seen == [422]


def _rejecting_once(hub: GitHub, seen: list[int]) -> Callable[[Any, Any], Any]:
    finish = hub.rest._finish

    def refuse(request: Any, response: Any) -> Any:
        if request.method == "POST" and not seen:
            hub.hooks.clear()
            response = hub._problem(422)
            seen.append(422)
        return finish(request, response)

    return refuse


@pytest.mark.both_databases
def test_the_page_shows_the_status_of_a_connection(
    connected: ConnectionsHarness, services: Services, vera: SessionClient
) -> None:
    """Rate limits, deleted and renamed scopes, the import, write-back errors and refusals, to every role."""
    with writing(services.engine) as tx:
        id_ = tx.scalar(sa.select(tables.connection.c.id).where(tables.connection.c.slug == "walk"))
        assert id_ is not None
        scopes = {
            row.name: row.id for row in tx.execute(sa.select(tables.scope).where(tables.scope.c.connection_id == id_))
        }
        importing = tables.poll.c.scope_id == scopes["acme/checkout"]
        endless = {"seen": 25, "expected": 100, "stopped_reason": listing.REPEATED}
        tx.execute(sa.update(tables.poll).where(importing).values(endless))
        task = {"connection_id": id_, "name": "redeliver", "problem": listing.EMPTY, "due_at": services.now()}
        tx.execute(sa.insert(tables.scheduled_task).values(task))
        gone = {"gone_reason": "the repository was deleted", "gone_at": services.now(), "current_name": "acme/paying"}
        tx.execute(sa.update(tables.scope).where(tables.scope.c.id == scopes["acme/payments"]).values(gone))
        for minutes, bucket in enumerate(("token/search", "token/graphql", "app", "token/core", "token"), start=1):
            rate_limits.block(tx, id_, bucket, wait=timedelta(minutes=minutes), reason="asked for patience")
        for number in (7, 8):
            write_backs.request(tx, [write_backs.NoteRequest(id_, f"501#{number}", "acme/checkout#7")], urgent=False)
            write_bucket = f"token/core/writes/501#{number}"
            rate_limits.block(tx, id_, write_bucket, wait=timedelta(hours=1), reason="the conversation is locked")
    listed, shown = vera.words("/connections"), vera.words("/connections/walk")
    assert "some calls paused" in listed
    assert "1 not polled to the end" in listed
    assert "1 can’t be watched" in listed  # noqa: RUF001 - as the page writes it
    for words in (
        "25 of about 100",
        "The repository was deleted.",
        "The list does not end: a page token came again. The next poll tries again.",
        f"Not complete redeliver: {listing.EMPTY}",
        "now called acme/paying",
        "calls of the token: none before",
        ": asked for patience",
        "2 other kinds of calls",
        "Notes not written 2 issues: the conversation is locked",
    ):
        assert words in shown
    with writing(services.engine) as tx:
        connections.refuse(tx, id_, reason="the token was revoked")
    assert "the token was revoked" in vera.words("/connections")


@pytest.mark.both_databases
def test_a_delivery_with_a_wrong_signature_is_counted_and_not_stored(
    harness: ConnectionsHarness, services: Services
) -> None:
    """The page shows that one came, until a valid delivery is newer."""
    harness.by_webhook_only()
    post = WebhookRequest(
        {"x-github-event": "ping", "x-hub-signature-256": "sha256=" + "0" * 64}, b'{"secret": "body"}'
    )
    assert services.receive.receive("walk", post) is Receipt.FORGED
    assert services.receive.receive("walk", post) is Receipt.FORGED
    assert "A delivery arrived with a wrong signature" in harness.ana.words("/connections/walk")
    with reading(services.engine) as tx:
        assert tx.scalars(sa.select(tables.delivery.c.body)).all() == []
        assert tx.scalars(sa.select(tables.rejected_delivery.c.count.label("times"))).all() == [1]
    with writing(services.engine) as tx:
        id_ = tx.scalar(sa.select(tables.connection.c.id).where(tables.connection.c.slug == "walk"))
        later = services.now() + timedelta(seconds=1)
        add(
            tx,
            tables.delivery,
            connection_id=id_,
            delivery_id="d",
            received_at=later,
            headers={},
            body=b"",
            name="ping",
        )
    assert "Last delivery ping" in harness.ana.words("/connections/walk")


def test_an_empty_list_offers_to_connect_a_tracker(ana: SessionClient, vera: SessionClient, services: Services) -> None:
    """Only admins get the offer."""
    with writing(services.engine) as tx:
        tx.execute(sa.delete(tables.rule))
        tx.execute(sa.delete(tables.connection))
    assert "Connect the first tracker" in ana.words("/connections")
    assert "Only admins can connect a tracker." in vera.words("/connections")


@pytest.mark.both_databases
def test_after_the_loss_of_the_secret_key_the_page_still_opens(
    connected: ConnectionsHarness, services: Services
) -> None:
    """It asks to enter tokens and webhook secrets again."""
    with writing(services.engine) as tx:
        lost = {"sealed_secrets": ["lost", "lost too"], "sealed_token": "lost"}
        tx.execute(sa.update(tables.connection).where(tables.connection.c.slug == "walk").values(lost))
    services.connections.clear_cache()
    assert connected.ana.open("/connections/walk").status_code == 200
    response = connected.ana.open("/connections/walk/scopes/offered")
    assert (response.status_code, "enter tokens and webhook secrets again" in response.text) == (500, True)
