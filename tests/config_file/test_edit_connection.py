"""Connections changed from a page are changed as by a file, on both databases."""

from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.config_file.plan.apply import Plan
from sync_service.config_file.plan.edit_connection import (
    ConnectionEditor,
    ConnectionFields,
    EditConflict,
    NoConnection,
    secret_reference,
)
from sync_service.config_file.plan.export import as_yaml, export_state
from sync_service.config_file.read.errors import InvalidFiles
from sync_service.config_file.read.state import Fields, read_state
from sync_service.store import tables as t
from sync_service.store.engine.database import reading
from tests.config_file.conftest import Desk
from tests.config_file.files import EXAMPLE

NEW: Mapping[str, Any] = {
    "slug": "hub",
    "kind": "github",
    "site": "https://api.github.com",
    "owner": "ana@example.com",
    "token": secret_reference("TOKEN"),
    "webhook_secrets": [secret_reference("MADE")],
    "scopes": ["acme/checkout"],
    "earlier": "import",
}
SECRETS = {"TOKEN": "of-the-page", "MADE": "made-for-the-page"}


def stored(desk: Desk, slug: str) -> Fields:
    """Give a connection as it is stored."""
    with reading(desk.engine) as tx:
        return read_state(tx, desk.sealer)["connections"][slug]


def export(desk: Desk) -> str:
    """Export what is stored."""
    with reading(desk.engine) as tx:
        return as_yaml(export_state(read_state(tx, desk.sealer)))


def made(desk: Desk) -> ConnectionEditor:
    """Apply the example, and make a connection as a page does."""
    desk.apply(EXAMPLE)
    editing = ConnectionEditor(desk.applying)
    plan = editing.create(NEW, SECRETS)
    assert plan.lines()[0] == "+ connection hub"
    return editing


def add_scope(written: ConnectionFields) -> ConnectionFields:
    """Watch one more."""
    return {**written, "scopes": [*written["scopes"], "acme/payments"]}


def test_a_connection_made_on_a_page_is_one_made_by_a_file(desk: Desk) -> None:
    """Its export changes nothing when applied, and a file without it leaves it alone unless it prunes."""
    made(desk)
    assert stored(desk, "hub")["token"] == "of-the-page"
    assert "of-the-page" not in export(desk)
    assert desk.apply(export(desk), prune=True).lines() == ["nothing to change"]
    assert desk.apply(EXAMPLE).lines() == ["nothing to change"]
    assert "- connection hub" in desk.plan(EXAMPLE, prune=True).lines()
    polls = sa.select(t.scope.c.name).join(t.poll, t.poll.c.scope_id == t.scope.c.id)
    assert desk.rows(
        polls.join(t.connection, t.connection.c.id == t.scope.c.connection_id).where(t.connection.c.slug == "hub")
    ) == [("acme/checkout",)]


def test_an_edit_keeps_what_it_leaves_alone(desk: Desk) -> None:
    """Secrets too; known issues are linked again, as after a file, and the audit log says who did it."""
    editing = made(desk)
    before = stored(desk, "hub")
    assert editing.change("hub", add_scope).lines()[0] == "~ connection hub: scope acme/payments watched"
    after = stored(desk, "hub")
    assert after == {**before, "scopes": ("acme/checkout", "acme/payments")}
    assert editing.change("hub", lambda written: written).lines() == ["nothing to change"]
    assert desk.rows(sa.select(t.audit.c.actor).order_by(t.audit.c.id)) == [("the tests",)] * 3
    assert desk.rows(sa.select(sa.func.count()).select_from(t.relink_request)) == [(3,)]


@pytest.mark.parametrize("typed", ["env:HOME", "file:/etc/hostname", "kept", "${HOME}", "a: [b", "\u202e\u2028x"])
def test_a_typed_secret_is_never_looked_up(desk: Desk, typed: str) -> None:
    """Not in our environment, not in a file beside us, and not in the database."""
    editing = made(desk)
    editing.change("hub", lambda written: {**written, "token": secret_reference("TOKEN")}, {"TOKEN": typed})
    assert stored(desk, "hub")["token"] == typed


def test_a_name_that_is_taken_is_refused(desk: Desk) -> None:
    """A page never changes the connection of somebody else by making its own."""
    editing = made(desk)
    for slug in ("hub", "HUB", "acme-github"):
        with pytest.raises(InvalidFiles) as caught:
            editing.create({**NEW, "slug": slug}, SECRETS)
        assert {one.field for one in caught.value.errors} <= {"slug", "connections[0].slug"}
    assert stored(desk, "acme-github")["token"] == "token-of-github"


def test_what_a_file_may_not_say_a_page_may_not_either(desk: Desk) -> None:
    """The same checks, before anything is made too."""
    editing = made(desk)
    for wrong in ({"owner": "nobody@example.com"}, {"scopes": ["a/b", "A/B"]}, {"slug": "a b"}, {"earlier": "soon"}):
        with pytest.raises(InvalidFiles):
            editing.check({**NEW, "slug": "another", "webhook_secrets": [], "token": "x", **wrong})
        with pytest.raises(InvalidFiles):
            editing.create({**NEW, "slug": "another", **wrong}, SECRETS)


def test_a_rotation_keeps_the_older_secret_until_it_is_taken_away(desk: Desk) -> None:
    """The newest stands in front; who looked at another newest takes nothing away."""
    editing = made(desk)
    rotate = {"webhook_secrets": [secret_reference("MADE"), "kept"]}
    editing.change("hub", lambda written: {**written, **rotate}, {"MADE": "newer"})
    assert stored(desk, "hub")["webhook_secrets"] == ("newer", "made-for-the-page")
    with pytest.raises(EditConflict):
        editing.keep_newest_secret("hub", lambda newest: newest == "made-for-the-page")
    assert editing.keep_newest_secret("hub", lambda newest: newest == "newer").changes
    assert stored(desk, "hub")["webhook_secrets"] == ("newer",)
    assert not editing.keep_newest_secret("hub", lambda _newest: True).changes


@pytest.mark.both_databases
def test_a_removal_takes_rules_and_links_by_hand_and_nothing_else(desk: Desk) -> None:
    """As `--prune` does for a file that has them no longer."""
    editing = made(desk)
    plan: Plan = editing.remove("acme-github")
    assert plan.lines() == [
        "- connection acme-github",
        "- rule checkout-label",
        "- link KR-1 ← acme-github:acme/checkout#12",
        "0 created, 0 changed, 3 removed",
    ]
    assert "checkout-label" not in export(desk)
    assert "acme-jira" in export(desk)
    assert ("acme-github removed" in str(desk.rows(sa.select(t.recompute.c.causes)))) is True


def test_what_is_not_there_is_said(desk: Desk) -> None:
    """Somebody else may have removed it while its page was open."""
    editing = made(desk)
    with pytest.raises(NoConnection):
        editing.change("gone", add_scope)
    with pytest.raises(NoConnection):
        editing.remove("gone")
    with pytest.raises(NoConnection):
        editing.keep_newest_secret("gone", lambda _newest: True)
