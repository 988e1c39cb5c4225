"""A connection's page: what it shows of it, and what its buttons change."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from simulator import GitHub, Jira
from sync_service.config_file.plan.export import as_yaml, export_state
from sync_service.config_file.read.state import read_state
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
from tests.web.connections.conftest import Desk
from tests.web.session_client import SessionClient


@pytest.fixture
def walk(desk: Desk) -> Desk:
    """Give the desk with a connection by a token."""
    assert desk.by_token().status_code == 302
    desk.send("/scopes", typed="acme/checkout\nacme/payments", hooks="on")
    return desk


def test_what_is_watched_is_added_and_taken_away(walk: Desk) -> None:
    """Each once, whatever its letters; a scope that is not there takes nothing away."""
    walk.send("/scopes", typed="ACME/checkout, acme/third", scope="acme/payments")
    assert walk.stored()["scopes"] == ["acme/checkout", "acme/payments", "acme/third"]
    walk.send("/scopes/remove", scope="acme/third")
    walk.send("/scopes/remove", scope="acme/none")
    assert walk.stored()["scopes"] == ["acme/checkout", "acme/payments"]
    assert walk.send("/scopes", typed=" \n,").location == "/connections/walk/scopes"
    assert "Nothing was chosen." in walk.flashed()


def test_a_secret_is_rotated_and_both_are_accepted_until_the_older_is_removed(walk: Desk, services: Services) -> None:
    """The new one is shown once. Who saw another state removes nothing."""
    (old,) = walk.secrets()
    walk.send("/secrets", act="rotate")
    new, kept = walk.secrets()
    assert kept == old
    page = walk.ana.read("/connections/walk")
    assert f'value="{new}"' in page
    assert "2 are accepted" in page
    mark = page.partition('name="newest" value="')[2].partition('"')[0]
    assert new not in mark
    walk.send("/secrets", act="keep", newest="0" * 24)
    assert "The webhook secret was changed meanwhile. Check it again." in walk.flashed()
    assert walk.secrets() == (new, old)
    walk.send("/secrets", act="keep", newest=mark)
    assert walk.secrets() == (new,)
    body = b'{"zen": "x"}'
    assert services.receive.receive("walk", WebhookRequest({"x-github-event": "ping"}, body)) is Receipt.FORGED


def test_a_token_is_replaced_once_it_was_tried(walk: Desk) -> None:
    """One that is refused changes nothing, and is shown nowhere."""
    walk.send("/credentials", token="github_pat_wrong")
    said = walk.flashed()
    assert "does not accept the credentials" in str(said)
    assert "github_pat_wrong" not in str(said)
    before = len(walk.audit())
    other = walk.hub.add_token("anaruiz")
    walk.send("/credentials", token=other.text)
    assert walk.audit()[before][1].splitlines()[1] == "~ connection walk: token changed"
    walk.send("/credentials", token=" ")
    assert "Paste the token first." in walk.flashed()


def test_credentials_are_taken_away_and_webhooks_go_on(walk: Desk) -> None:
    """Nothing can be imported then, so that is switched off with them."""
    walk.send("/credentials", act="remove")
    stored = walk.stored()
    assert ("token" in stored, stored["earlier"], stored["webhook_secrets"]) == (False, "ignore", ["kept"])
    walk.send("/settings", earlier="import", owner="ana@example.com")
    assert "import without a token or an app" in str(walk.flashed())
    assert walk.stored()["earlier"] == "ignore"


def test_settings_are_changed_and_emptied(walk: Desk) -> None:
    """An owner, what existed earlier, and the settings of this kind; an address among them is checked as a site is."""
    walk.send("/settings", earlier="ignore", owner="ben@example.com", points_field="Size")
    stored = walk.stored()
    assert (stored["earlier"], stored["owner"], stored["points_field"]) == ("ignore", "ben@example.com", "Size")
    walk.send("/settings", earlier="import", owner="", points_field="")
    stored = walk.stored()
    assert (stored["earlier"], "owner" in stored, "points_field" in stored) == ("import", False, False)
    walk.send("/settings", earlier="import", points_field="http://10.0.0.1/x")
    assert "points_field" not in walk.stored()
    assert "Nothing to change." in str(walk.send("/settings", earlier="import") and walk.flashed())


def test_writing_is_switched_on_and_off(walk: Desk) -> None:
    """Where there are credentials to write with; without them it is switched off."""
    kept = {"earlier": "ignore", "owner": ""}
    assert 'name="write_back"' in walk.ana.read("/connections/walk")
    walk.send("/settings", **kept, write_back="yes")
    assert walk.stored()["write_back"] is True
    assert 'name="write_back" value="yes" checked' in walk.ana.read("/connections/walk")
    walk.send("/settings", **kept)
    assert "write_back" not in walk.stored()
    walk.send("/settings", **kept, write_back="yes")
    walk.send("/credentials", act="remove")
    assert "write_back" not in walk.stored()
    assert 'name="write_back"' not in walk.ana.read("/connections/walk")


@pytest.fixture
def moving(desk: Desk) -> Iterator[tuple[Desk, Jira]]:
    """Give a connection to a Jira by a token."""
    with Jira(background=False) as jira:
        path = "/connections/new/jira/token"
        made = desk.ana.submit(path, on=path, **desk.form(site=jira.url, email=jira.email, token=jira.token))
        assert made.location == "/connections/walk/scopes"
        jira.rest.calls.clear()
        yield desk, jira


def test_settings_of_a_kind_that_are_switches_are_switched(moving: tuple[Desk, Jira]) -> None:
    """They come back as they were set."""
    desk, jira = moving
    form = {"owner": "", "earlier": "ignore", "email": jira.email}
    desk.send("/settings", **form, write_back="yes", write_comments="yes")
    assert (desk.stored()["write_back"], desk.stored()["write_comments"]) == (True, True)
    assert 'name="write_comments" value="yes" checked' in desk.ana.read("/connections/walk")
    desk.send("/settings", **form, write_back="yes")
    assert (desk.stored()["write_back"], "write_comments" in desk.stored()) == (True, False)


def test_a_stored_token_is_not_sent_to_another_address(moving: tuple[Desk, Jira]) -> None:
    """Whoever changes an address has to know the token, which is tried there; nor may an address be taken away."""
    desk, jira = moving
    form = {"owner": "ben@example.com", "earlier": "import", "email": jira.email}
    there = f"{jira.url}/"
    answer = desk.send("/settings", **form, api_site=there)
    beside = answer.text.partition('id="option-api_site-mistake"')[2].partition("</div>")[0]
    assert (answer.status_code, "paste the token again" in beside) == (422, True)
    assert f'name="api_site" value="{there}"' in answer.text
    assert "data-changes=" not in answer.text
    wrong = desk.send("/settings", **form, api_site=there, token="wrong")
    assert (wrong.status_code, 'id="settings-token-mistake"' in wrong.text) == (422, True)
    assert 'value="wrong"' not in wrong.text
    assert ("api_site" in desk.stored(), desk.stored()["owner"]) == (False, "ana@example.com")
    assert desk.send("/settings", **form, api_site=there, token=jira.token).status_code == 302
    assert (desk.stored()["api_site"], desk.stored()["owner"]) == (there, "ben@example.com")
    assert desk.send("/settings", **form, api_site=there).status_code == 302
    assert desk.send("/settings", **form, api_site="").status_code == 422
    assert desk.stored()["api_site"] == there


def test_an_address_changes_freely_once_the_credentials_are_gone(moving: tuple[Desk, Jira]) -> None:
    """There is nothing to send; the token that comes later is tried at the new address."""
    desk, jira = moving
    desk.send("/credentials", act="remove")
    assert desk.send("/settings", email=jira.email, api_site=f"{jira.url}/").status_code == 302
    assert desk.stored()["api_site"] == f"{jira.url}/"
    refused = desk.send("/settings", email=jira.email, api_site="https://10.0.0.1\\x.example.com")
    beside = refused.text.partition('id="option-api_site-mistake"')[2].partition("</div>")[0]
    assert (refused.status_code, "It must be an address whose host" in beside) == (422, True)


def test_it_is_asked_now(walk: Desk, services: Services) -> None:
    """Every poll of it is due; without credentials there is none."""
    with writing(services.engine) as tx:
        later = {"due_at": database_now(tx) + timedelta(days=9)}
        tx.execute(sa.update(tables.poll).values(later))
    walk.send("/ask")
    with reading(services.engine) as tx:
        due = tx.scalars(sa.select(tables.poll.c.due_at)).all()
        assert max(due) <= database_now(tx)
    assert "Polling for changes now" in str(walk.flashed())
    walk.ana.submit("/connections/acme-github/ask", on="/connections/acme-github")
    assert "Nothing to poll" in str(walk.flashed())


@pytest.mark.both_databases
def test_a_removal_says_what_it_takes_and_wants_the_name(desk: Desk, services: Services, example: Example) -> None:
    """Rules, links and issues go; key results are computed without them."""
    page = desk.ana.words("/connections/acme-github/remove")
    assert "known issue" in page
    assert "rule" in page
    wrong = desk.ana.submit("/connections/acme-github/remove", on="/connections/acme-github/remove", name="acme")
    assert wrong.location == "/connections/acme-github/remove"
    assert desk.stored("acme-github") is not None
    done = desk.ana.submit("/connections/acme-github/remove", on="/connections/acme-github/remove", name="acme-github")
    assert done.location == "/connections"
    assert desk.stored("acme-github") is None
    assert desk.ana.open("/connections/acme-github").status_code == 404
    assert desk.audit()[-1][1].splitlines()[:2] == ["changed on the page Connections", "- connection acme-github"]
    with reading(services.engine) as tx:
        assert tx.scalar(
            sa.select(sa.func.count())
            .select_from(tables.recompute)
            .where(tables.recompute.c.key_result_id == example.key_results["KR-1"])
        )


def test_what_a_page_made_is_what_a_file_would_have_made(walk: Desk, services: Services) -> None:
    """An export reads it, and applying that changes nothing."""
    with reading(services.engine) as tx:
        text = as_yaml(export_state(read_state(tx, services.sealer)))
    assert "slug: walk" in text
    before = walk.audit()
    assert walk.send("/settings", earlier="import", owner="ana@example.com").status_code == 302
    assert walk.audit() == before


def test_webhooks_are_made_once_and_set_anew_after_that(walk: Desk) -> None:
    """With the newest secret, our events and JSON; a third party's webhook is left alone."""
    place = walk.hub.repository("checkout")
    other = walk.hub.add_hook(place, url="http://127.0.0.1:9/else", secret="x", content_type="form", events=("push",))
    for made, says in ((2, "The webhook was created."), (2, "Its webhook existed and was updated.")):
        walk.send("/secrets", act="rotate")
        for name in ("acme/checkout", "acme/payments"):
            assert says in walk.send("/webhooks/one", scope=name).text
        ours = [hook for hook in walk.hub.hooks if hook is not other]
        assert len(ours) == made
        assert {(hook.url, hook.secret, hook.content_type, hook.active) for hook in ours} == {
            ("http://127.0.0.1:8080/hooks/walk", walk.secrets()[0], "json", True)
        }
        assert {"issues", "sub_issues", "pull_request"} <= set(ours[0].events)
    assert (other.url, other.content_type, other.events) == ("http://127.0.0.1:9/else", "form", ("push",))
    assert "acme/checkout" in walk.send("/webhooks").text


@pytest.mark.parametrize("name", ["acme/none", "../../user", "acme/checkout/../payments", "x", "<b>"])
def test_a_webhook_that_can_not_be_made_is_left_to_be_made_by_hand(walk: Desk, name: str) -> None:
    """It says why, and the secret that nobody saw is shown after all."""
    walk.hub.rest.calls.clear()
    answer = walk.send("/webhooks/one", scope=name)
    assert "create by hand" in answer.text
    assert "<b>" not in answer.text
    assert all("/user" not in call.path for call in walk.hub.rest.calls)
    assert walk.secrets()[0] in walk.ana.read("/connections/walk")


def test_a_tracker_that_can_not_answer_is_said_where_webhooks_are_made(walk: Desk) -> None:
    """And where it is asked what there is."""
    walk.hub.rest.answer_next(500)
    assert "can&#39;t answer now (500)" in walk.send("/webhooks/one", scope="acme/checkout").text
    walk.hub.rest.answer_next(500)
    assert "can&#39;t answer now (500)" in walk.ana.read("/connections/walk/scopes/offered")


def test_an_older_server_is_asked_for_what_it_knows(walk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses an event that it does not know; then the webhook is made without it."""
    walk.hub.rest.calls.clear()
    seen: list[int] = []
    monkeypatch.setattr(walk.hub.rest, "_finish", _refusing_once(walk.hub, seen))
    assert "The webhook was created." in walk.send("/webhooks/one", scope="acme/checkout").text
    assert seen == [422]


def _refusing_once(hub: GitHub, seen: list[int]) -> Callable[[Any, Any], Any]:
    finish = hub.rest._finish

    def refuse(request: Any, response: Any) -> Any:
        if request.method == "POST" and not seen:
            hub.hooks.clear()
            response = hub._problem(422)
            seen.append(422)
        return finish(request, response)

    return refuse


@pytest.mark.both_databases
def test_a_page_says_how_a_connection_stands(walk: Desk, services: Services, vera: SessionClient) -> None:
    """Refused, paused, gone, renamed, importing, forged and heard: to everybody, in words."""
    with writing(services.engine) as tx:
        id_ = tx.scalar(sa.select(tables.connection.c.id).where(tables.connection.c.slug == "walk"))
        assert id_ is not None
        scopes = {
            row.name: row.id for row in tx.execute(sa.select(tables.scope).where(tables.scope.c.connection_id == id_))
        }
        importing = tables.poll.c.scope_id == scopes["acme/checkout"]
        tx.execute(sa.update(tables.poll).where(importing).values(seen=25, expected=100))
        gone = {"gone_reason": "the repository was deleted", "gone_at": services.now(), "current_name": "acme/paying"}
        tx.execute(sa.update(tables.scope).where(tables.scope.c.id == scopes["acme/payments"]).values(gone))
        for minutes, bucket in enumerate(("token/search", "token/graphql", "app", "token/core", "token"), start=1):
            rate_limits.block(tx, id_, bucket, wait=timedelta(minutes=minutes), reason="asked for patience")
        for number in (7, 8):
            write_backs.request(tx, [write_backs.NoteRequest(id_, f"501#{number}", "acme/checkout#7")], urgent=False)
            place = f"token/core/writes/501#{number}"
            rate_limits.block(tx, id_, place, wait=timedelta(hours=1), reason="the conversation is locked")
    listed, shown = vera.words("/connections"), vera.words("/connections/walk")
    assert "some calls paused" in listed
    assert "1 can’t be watched" in listed  # noqa: RUF001 - as the page writes it
    for words in (
        "25 of about 100",
        "The repository was deleted.",
        "now called acme/paying",
        "token/core: no calls before",
        ": asked for patience",
        "2 other kinds of calls",
        "Notes not written 2 issues: the conversation is locked",
    ):
        assert words in shown
    with writing(services.engine) as tx:
        connections.refuse(tx, id_, reason="the token was revoked")
    assert "the token was revoked" in vera.words("/connections")


@pytest.mark.both_databases
def test_a_delivery_with_a_wrong_signature_is_counted_and_not_kept(desk: Desk, services: Services) -> None:
    """The page says that one came; one that is good after it is what was heard last."""
    desk.by_hand()
    post = WebhookRequest(
        {"x-github-event": "ping", "x-hub-signature-256": "sha256=" + "0" * 64}, b'{"secret": "body"}'
    )
    assert services.receive.receive("walk", post) is Receipt.FORGED
    assert services.receive.receive("walk", post) is Receipt.FORGED
    assert "A delivery arrived with a wrong signature" in desk.ana.words("/connections/walk")
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
    assert "Last delivery ping" in desk.ana.words("/connections/walk")


def test_an_empty_list_invites_to_connect(ana: SessionClient, vera: SessionClient, services: Services) -> None:
    """Those who may."""
    with writing(services.engine) as tx:
        tx.execute(sa.delete(tables.rule))
        tx.execute(sa.delete(tables.connection))
    assert "Connect the first tracker" in ana.words("/connections")
    assert "Only admins can connect a tracker." in vera.words("/connections")


@pytest.mark.both_databases
def test_a_lost_secret_key_is_said_and_new_secrets_mend_it(walk: Desk, services: Services) -> None:
    """The page can still be opened."""
    with writing(services.engine) as tx:
        lost = {"sealed_secrets": ["lost", "lost too"], "sealed_token": "lost"}
        tx.execute(sa.update(tables.connection).where(tables.connection.c.slug == "walk").values(lost))
    services.connections.forget()
    assert walk.ana.open("/connections/walk").status_code == 200
    answer = walk.ana.open("/connections/walk/scopes/offered")
    assert (answer.status_code, "enter tokens and webhook secrets again" in answer.text) == (500, True)
