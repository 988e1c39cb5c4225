"""What people wrote on pages: no file undoes it unasked, and pruning leaves what pages made."""

from collections.abc import Mapping
from dataclasses import replace as replaced
from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.config_file.edit.edit_connection import ConnectionEditor, ConnectionFields, secret_reference
from sync_service.config_file.edit.first_admin import store_first_admin
from sync_service.config_file.plan.apply import RevertsPageEdits
from sync_service.config_file.plan.export import as_yaml
from sync_service.config_file.plan.page_edits import Origin, read_origins
from sync_service.config_file.read.state import Key
from sync_service.domain.rules.rule_state import RuleState
from sync_service.store import tables as t
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import rules
from sync_service.store.people import first_admin
from tests.config_file.conftest import NOW, ConfigHarness
from tests.config_file.files import EXAMPLE, replace
from tests.config_file.follow_ups import lines
from tests.config_file.test_export import export

BEN = "Ben <ben@example.com>"


def on_page(harness: ConfigHarness) -> ConnectionEditor:
    """Return the editor of connections, for Ben."""
    return ConnectionEditor(replaced(harness.applier, actor=BEN))


def watch(*names: str) -> Any:
    """Return an edit that watches these scopes."""

    def edit(written: ConnectionFields) -> ConnectionFields:
        return {**written, "scopes": list(names)}

    return edit


def save_rule(harness: ConfigHarness, **fields: Any) -> None:
    """Save a rule as the page of rules does, for Ben."""
    with writing(harness.engine) as tx:
        row = tx.execute(sa.select(t.rule).where(t.rule.c.slug == "checkout-label")).one()
        names = ("slug", "owner_id", "connection_id", "key_result_id", "condition", "query")
        definition = rules.Definition(
            **{name: getattr(row, name) for name in names} | {"state": RuleState(row.state)} | fields
        )
        assert rules.save(tx, definition, changed_by=BEN, now=NOW)


def origin(harness: ConfigHarness, section: str, key: Key) -> Origin:
    """Return where an item was made and what pages wrote in it."""
    with reading(harness.engine) as tx:
        return read_origins(tx)[section, key]


def refused(harness: ConfigHarness, text: str, *, prune: bool = False) -> list[str]:
    """Apply a file that must be refused; return the lines."""
    with pytest.raises(RevertsPageEdits) as caught:
        harness.apply(text, prune=prune)
    return list(caught.value.lines)


OTHER_LABEL: Mapping[str, Any] = {"field": "labels", "has": "pay"}


@pytest.mark.slow
@pytest.mark.both_databases
def test_a_file_never_reverts_a_field_that_a_page_wrote(harness: ConfigHarness) -> None:
    """It is refused with each field and its writer, and nothing is applied; with --overwrite it is applied."""
    harness.apply(EXAMPLE)
    save_rule(harness, condition=OTHER_LABEL, state=RuleState.DISABLED)
    on_page(harness).change("acme-github", watch("acme/checkout", "acme/pay"))
    before = export(harness)
    text = replace(EXAMPLE, ("name: Ana Ruiz", "name: Ana"))
    assert refused(harness, text) == [
        f"connection acme-github: scope acme/pay no longer watched, which {BEN} wrote on a page",
        f"rule checkout-label: state 'disabled' → 'active', which {BEN} wrote on a page",
        (
            "rule checkout-label: when labels include pay → labels include checkout and scope is acme/checkout, "
            f"which {BEN} wrote on a page"
        ),
    ]
    assert export(harness) == before
    assert list(harness.plan(text).reverts) == refused(harness, text)
    plan = harness.applier.apply([("one.yaml", text.encode())], prune=False, overwrite=True)
    assert len(plan.changes) == 3
    assert harness.apply(text).lines() == ["nothing to change"]
    assert origin(harness, "rules", "checkout-label") == Origin("file", "the tests", {})


@pytest.mark.both_databases
def test_a_page_edit_is_agreed_once_a_file_says_the_same(harness: ConfigHarness) -> None:
    """From then on files change the field as before. Nothing else is written for it."""
    harness.apply(EXAMPLE)
    save_rule(harness, state=RuleState.DISABLED)
    assert origin(harness, "rules", "checkout-label") == Origin("file", BEN, {"state": BEN})
    same = replace(EXAMPLE, ("slug: checkout-label", "slug: checkout-label\n    enabled: false"))
    assert harness.apply(same).lines() == ["nothing to change"]
    assert origin(harness, "rules", "checkout-label").edits == {}
    assert lines(harness.apply(EXAMPLE).lines()) == ["~ rule checkout-label: state 'disabled' → 'active'"]


@pytest.mark.slow
def test_other_fields_of_an_item_are_still_the_files(harness: ConfigHarness) -> None:
    """A new scope in the file comes beside the page's; the page's own must be in the file too."""
    harness.apply(EXAMPLE)
    on_page(harness).change("acme-github", watch("acme/checkout", "acme/pay"))
    both = replace(EXAMPLE, ("[acme/checkout]", "[acme/checkout, acme/pay, acme/app]"))
    assert lines(harness.apply(both).lines()) == ["~ connection acme-github: scope acme/app watched"]
    assert origin(harness, "connections", "acme-github").edits == {}
    on_page(harness).change("acme-github", lambda written: {**written, "points_field": "Effort"})
    more = replace(both, ("earlier: import\n  - slug", "earlier: import\n    number_fields: [Reach]\n  - slug"))
    (line,) = refused(harness, more)
    assert line.startswith("connection acme-github: options.points_field 'Effort' → none")


def test_a_removed_scope_is_a_page_edit_too(harness: ConfigHarness) -> None:
    """A file that still names it would watch it again."""
    harness.apply(replace(EXAMPLE, ("[acme/checkout]", "[acme/checkout, acme/pay]")))
    on_page(harness).change("acme-github", watch("acme/checkout"))
    (line,) = refused(harness, replace(EXAMPLE, ("[acme/checkout]", "[acme/checkout, acme/pay]")))
    assert line.startswith("connection acme-github: scope acme/pay watched")
    assert harness.apply(EXAMPLE).lines() == ["nothing to change"]


def test_a_secret_that_a_page_set_is_not_shown_and_not_reverted(harness: ConfigHarness) -> None:
    """`kept` leaves it."""
    harness.apply(EXAMPLE)
    on_page(harness).change(
        "acme-github", lambda written: {**written, "token": secret_reference("NEW")}, {"NEW": "typed-on-the-page"}
    )
    assert refused(harness, EXAMPLE) == [f"connection acme-github: token changed, which {BEN} wrote on a page"]
    assert harness.apply(replace(EXAMPLE, ("env:GITHUB_TOKEN", "kept"))).lines() == ["nothing to change"]


NEW = {"slug": "hub", "kind": "github", "scopes": ["acme/web"], "earlier": "ignore", "owner": "ana@example.com"}

WITHOUT_RULES = EXAMPLE[: EXAMPLE.index("rules:")]


@pytest.mark.both_databases
def test_pruning_leaves_what_pages_made_and_says_so(harness: ConfigHarness) -> None:
    """What files made goes."""
    harness.apply(EXAMPLE)
    on_page(harness).create(NEW, {})
    assert origin(harness, "connections", "hub").made_by == "page"
    plan = harness.apply(WITHOUT_RULES, prune=True)
    assert lines(plan.lines()) == [
        "- rule checkout-label",
        "- rule payment-bugs",
        "- link KR-1 ← acme-github:acme/checkout#12",
    ]
    assert f"connection hub was made on a page by {BEN}; it is kept" in plan.warnings
    assert harness.apply(as_yaml(export(harness)), prune=True).lines() == ["nothing to change"]


@pytest.mark.both_databases
def test_what_a_page_made_keeps_what_it_belongs_to(harness: ConfigHarness) -> None:
    """A rule needs its connection and its key result, and that its objective and cycle. Its owner may go."""
    harness.apply(EXAMPLE)
    save_rule(harness, slug="by-page")
    plan = harness.apply("teams:\n  - {slug: new, name: New}\n", prune=True)
    assert [str(change) for change in plan.changes if change.after is None] == [
        "- person ana@example.com",
        "- connection acme-jira",
        "- key result KR-2",
        "- rule checkout-label",
        "- rule payment-bugs",
        "- link KR-1 ← acme-github:acme/checkout#12",
    ]
    assert "objective fast-checkout is needed by what was made on a page; it is kept" in plan.warnings
    assert harness.rows(sa.select(t.rule.c.slug, t.rule.c.owner_id)) == [("by-page", None)]
    assert harness.rows(sa.select(t.team.c.slug).order_by(t.team.c.slug)) == [("checkout",), ("new",)]


def test_pruning_an_item_that_a_page_edited_needs_overwrite(harness: ConfigHarness) -> None:
    """It would take the edit along."""
    harness.apply(EXAMPLE)
    save_rule(harness, state=RuleState.DISABLED)
    (line,) = refused(harness, WITHOUT_RULES, prune=True)
    assert line == f"rule checkout-label: removed with its state, which {BEN} wrote on a page"
    files = [("one.yaml", WITHOUT_RULES.encode())]
    plan = harness.applier.apply(files, prune=True, overwrite=True)
    assert "- rule checkout-label" in plan.lines()


def test_a_file_may_take_over_what_a_page_made(harness: ConfigHarness) -> None:
    """It has to say the same first, or to overwrite; what a page made is never pruned, even then."""
    harness.apply(EXAMPLE)
    on_page(harness).create(NEW, {})
    own = "connections:\n  - {slug: hub, kind: github, scopes: [acme/web], earlier: ignore, owner: ana@example.com}\n"
    assert refused(harness, own.replace("ignore", "import").replace("owner", "token: a-token, owner")) == [
        f"connection hub: earlier 'ignore' → 'import', which {BEN} wrote on a page"
    ]
    assert harness.apply(own).lines() == ["nothing to change"]
    assert origin(harness, "connections", "hub") == Origin("page", BEN, {})
    assert lines(harness.apply(own.replace("acme/web", "acme/app")).lines()) != []
    assert harness.plan(EXAMPLE, prune=True).lines() == ["nothing to change"]


def test_the_first_admin_is_made_by_a_page(harness: ConfigHarness) -> None:
    """A file does not take the role away unasked."""
    with writing(harness.engine) as tx:
        token = first_admin.renew_link(tx, NOW)
    assert token is not None
    eva = replaced(harness.applier, actor="eva@example.com")
    store_first_admin(eva, token=token, email="eva@example.com", name="Eva")
    assert origin(harness, "people", "eva@example.com") == Origin(
        "page", "eva@example.com", dict.fromkeys(("name", "role"), "eva@example.com")
    )
    assert len(refused(harness, "people:\n  - {email: eva@example.com, name: Eva, role: member}\n")) == 1
    plan = harness.apply("people:\n  - {email: eva@example.com, name: Eva, role: admin, timezone: UTC}\n")
    assert lines(plan.lines()) == ["~ person eva@example.com: timezone none → 'UTC'"]


def test_a_page_edit_of_one_part_leaves_the_others_to_files(harness: ConfigHarness) -> None:
    """Each key of a mapping is remembered by itself."""
    harness.apply("organisation: {thresholds: {at_risk: 5, behind: 20}, name: Acme}\n")
    applier = replaced(harness.applier, actor=BEN)
    applier.edit(lambda _: [("page", b"organisation: {thresholds: {at_risk: 5, behind: 30}, name: Acme}")])
    assert origin(harness, "organisation", "organisation").edits == {"thresholds.behind": BEN}
    (line,) = refused(harness, "organisation: {thresholds: {at_risk: 5, behind: 20}, name: Acme}\n")
    assert line == f"organisation: thresholds.behind 30 → 20, which {BEN} wrote on a page"
    plan = harness.apply("organisation: {thresholds: {at_risk: 6, behind: 30}, name: Acme}\n")
    assert lines(plan.lines()) == ["~ organisation: thresholds.at_risk 5 → 6"]
