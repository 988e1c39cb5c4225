"""Edit connections on a page: the result is the same as with a file."""

from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.config_file.edit.edit_connection import (
    ConnectionEditor,
    ConnectionFields,
    EditConflict,
    NoConnection,
    secret_reference,
)
from sync_service.config_file.plan.apply import Plan
from sync_service.config_file.plan.export import as_yaml, export_state
from sync_service.config_file.read.errors import InvalidFiles
from sync_service.config_file.read.state import Fields, read_state
from sync_service.store import tables as t
from sync_service.store.engine.database import reading
from tests.config_file.conftest import ConfigHarness
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


def stored(harness: ConfigHarness, slug: str) -> Fields:
    """Return a stored connection."""
    with reading(harness.engine) as tx:
        return read_state(tx, harness.sealer)["connections"][slug]


def export(harness: ConfigHarness) -> str:
    """Export what is stored."""
    with reading(harness.engine) as tx:
        return as_yaml(export_state(read_state(tx, harness.sealer)))


def made(harness: ConfigHarness) -> ConnectionEditor:
    """Apply the example, and create a connection as a page does."""
    harness.apply(EXAMPLE)
    editing = ConnectionEditor(harness.applier)
    plan = editing.create(NEW, SECRETS)
    assert plan.lines()[0] == "+ connection hub"
    return editing


def add_scope(written: ConnectionFields) -> ConnectionFields:
    """Watch one more scope."""
    return {**written, "scopes": [*written["scopes"], "acme/payments"]}


def test_a_connection_from_a_page_equals_one_from_a_file(harness: ConfigHarness) -> None:
    """Applying its export changes nothing. A file without the connection never removes it."""
    made(harness)
    assert stored(harness, "hub")["token"] == "of-the-page"
    assert "of-the-page" not in export(harness)
    assert harness.apply(export(harness), prune=True).lines() == ["nothing to change"]
    assert harness.apply(EXAMPLE).lines() == ["nothing to change"]
    assert harness.plan(EXAMPLE, prune=True).lines() == ["nothing to change"]
    polls = sa.select(t.scope.c.name).join(t.poll, t.poll.c.scope_id == t.scope.c.id)
    assert harness.rows(
        polls.join(t.connection, t.connection.c.id == t.scope.c.connection_id).where(t.connection.c.slug == "hub")
    ) == [("acme/checkout",)]


def test_an_edit_keeps_everything_else(harness: ConfigHarness) -> None:
    """Secrets stay too. Known issues are relinked as after a file, and the audit log has the actor."""
    editing = made(harness)
    before = stored(harness, "hub")
    assert editing.change("hub", add_scope).lines()[0] == "~ connection hub: scope acme/payments watched"
    after = stored(harness, "hub")
    assert after == {**before, "scopes": ("acme/checkout", "acme/payments")}
    assert editing.change("hub", lambda written: written).lines() == ["nothing to change"]
    assert harness.rows(sa.select(t.audit.c.actor).order_by(t.audit.c.id)) == [("the tests",)] * 3
    assert harness.rows(sa.select(sa.func.count()).select_from(t.relink_request)) == [(3,)]


@pytest.mark.parametrize("typed", ["env:HOME", "file:/etc/hostname", "kept", "${HOME}", "a: [b", "\u202e\u2028x"])
def test_a_typed_secret_is_never_resolved(harness: ConfigHarness, typed: str) -> None:
    """It is not read from our environment, a file or the database."""
    editing = made(harness)
    editing.change("hub", lambda written: {**written, "token": secret_reference("TOKEN")}, {"TOKEN": typed})
    assert stored(harness, "hub")["token"] == typed


def test_a_used_name_is_refused(harness: ConfigHarness) -> None:
    """Creating a connection on a page must not change an existing one."""
    editing = made(harness)
    for slug in ("hub", "HUB", "acme-github"):
        with pytest.raises(InvalidFiles) as caught:
            editing.create({**NEW, "slug": slug}, SECRETS)
        assert {one.field for one in caught.value.errors} <= {"slug", "connections[0].slug"}
    assert stored(harness, "acme-github")["token"] == "token-of-github"


def test_a_page_has_the_same_checks_as_a_file(harness: ConfigHarness) -> None:
    """They run before a new connection is created, too."""
    editing = made(harness)
    for wrong in ({"owner": "nobody@example.com"}, {"scopes": ["a/b", "A/B"]}, {"slug": "a b"}, {"earlier": "soon"}):
        with pytest.raises(InvalidFiles):
            editing.check({**NEW, "slug": "another", "webhook_secrets": [], "token": "x", **wrong})
        with pytest.raises(InvalidFiles):
            editing.create({**NEW, "slug": "another", **wrong}, SECRETS)


def test_a_rotation_keeps_the_older_secret_until_it_is_removed(harness: ConfigHarness) -> None:
    """The newest is first. A request that saw another newest secret removes nothing."""
    editing = made(harness)
    rotate = {"webhook_secrets": [secret_reference("MADE"), "kept"]}
    editing.change("hub", lambda written: {**written, **rotate}, {"MADE": "newer-one"})
    assert stored(harness, "hub")["webhook_secrets"] == ("newer-one", "made-for-the-page")
    with pytest.raises(EditConflict):
        editing.keep_newest_secret("hub", lambda newest: newest == "made-for-the-page")
    assert editing.keep_newest_secret("hub", lambda newest: newest == "newer-one").changes
    assert stored(harness, "hub")["webhook_secrets"] == ("newer-one",)
    assert not editing.keep_newest_secret("hub", lambda _newest: True).changes


@pytest.mark.both_databases
def test_a_removal_deletes_rules_and_manual_links_and_nothing_else(harness: ConfigHarness) -> None:
    """It works like `--prune` with a file that no longer has them."""
    editing = made(harness)
    plan: Plan = editing.remove("acme-github")
    assert plan.lines() == [
        "- connection acme-github",
        "- rule checkout-label",
        "- link KR-1 ← acme-github:acme/checkout#12",
        "0 created, 0 changed, 3 removed",
    ]
    assert "checkout-label" not in export(harness)
    assert "acme-jira" in export(harness)
    assert ("acme-github removed" in str(harness.rows(sa.select(t.recompute.c.causes)))) is True


def test_a_removed_connection_is_reported(harness: ConfigHarness) -> None:
    """Another person may have removed it while its page was open."""
    editing = made(harness)
    with pytest.raises(NoConnection):
        editing.change("gone", add_scope)
    with pytest.raises(NoConnection):
        editing.remove("gone")
    with pytest.raises(NoConnection):
        editing.keep_newest_secret("gone", lambda _newest: True)
