"""Apply files: the database then matches them, in one transaction, and all follow-up work is due."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.config_file.plan.warnings import warnings
from sync_service.config_file.read.errors import InvalidFiles
from sync_service.config_file.read.state import State
from sync_service.runtime.wiring import load_connectors
from sync_service.store import tables as t
from sync_service.store.engine.database import reading, writing
from sync_service.store.jobs import removals
from tests.config_file.conftest import NOW, ConfigHarness
from tests.config_file.files import EXAMPLE, RICH, replace
from tests.config_file.follow_ups import lines, recomputed, settle, versions


def test_a_first_apply_creates_everything(harness: ConfigHarness) -> None:
    """Each item has a line, and the total is last."""
    assert harness.apply(EXAMPLE).lines() == [
        "+ team checkout",
        "+ person ana@example.com",
        "+ cycle 2026-q4",
        "+ connection acme-github",
        "+ connection acme-jira",
        "+ objective fast-checkout",
        "+ key result KR-1",
        "+ key result KR-2",
        "+ rule checkout-label",
        "+ rule payment-bugs",
        "+ link KR-1 ← acme-github:acme/checkout#12",
        "11 created, 0 changed, 0 removed",
    ]
    assert recomputed(harness) == {"KR-1": ["key result added"], "KR-2": ["key result added"]}
    assert harness.rows(sa.select(t.rule_revision.c.rule_slug, t.rule_revision.c.state)) == [
        ("checkout-label", "pending"),
        ("payment-bugs", "pending"),
    ]


@pytest.mark.parametrize("text", [EXAMPLE, RICH])
def test_applying_again_changes_nothing(harness: ConfigHarness, text: str) -> None:
    """No row, no counter and no line of the audit log changes."""
    harness.apply(text)
    before = versions(harness), harness.rows(sa.select(sa.func.count()).select_from(t.audit))
    assert harness.apply(text, prune=True).lines() == ["nothing to change"]
    assert (versions(harness), harness.rows(sa.select(sa.func.count()).select_from(t.audit))) == before


def test_a_plan_prints_the_same_and_changes_nothing(harness: ConfigHarness) -> None:
    """`--dry-run` uses it."""
    planned = harness.plan(EXAMPLE)
    assert harness.rows(sa.select(t.team.c.slug)) == []
    assert harness.apply(EXAMPLE).lines() == planned.lines()


def test_defaults_of_measures_are_filled_in(harness: ConfigHarness) -> None:
    """A share has the target 100 %, a count starts at 0, and a manual value has the unit of the file."""
    harness.apply(RICH)
    k = t.key_result.c
    assert harness.rows(sa.select(k.slug, k.start, k.target, k.unit).order_by(k.position)) == [
        ("share", 0, 100, ""),
        ("count", 0, 12.5, ""),
        ("open", 10, 0, "bugs"),
        ("score", -1.5, 4, ""),
        ("percent", 0, 100, "%"),
    ]
    assert harness.rows(sa.select(t.connection.c.site).where(t.connection.c.slug == "loud")) == [
        ("https://api.github.com",)
    ]


def test_a_cycle_starts_and_ends_at_midnight_of_the_organisation(harness: ConfigHarness) -> None:
    """It includes the last day. Madrid is two hours ahead of UTC in October and one in January."""
    harness.apply(EXAMPLE)
    assert harness.rows(sa.select(t.cycle.c.starts_at, t.cycle.c.ends_at)) == [
        (datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC))
    ]


def test_scopes_are_complete_at_once_if_earlier_issues_are_ignored(harness: ConfigHarness) -> None:
    """With `import` they wait for the import."""
    harness.apply(EXAMPLE)
    assert harness.rows(sa.select(t.scope.c.covered_at)) == [(None,), (None,)]
    settle(harness)
    plan = harness.apply(EXAMPLE.replace("earlier: import", "earlier: ignore"))
    assert harness.rows(sa.select(t.scope.c.covered_at)) == [(NOW,), (NOW,)]
    assert set(recomputed(harness)) == {"KR-1", "KR-2"}
    assert not any("not imported" in warning for warning in plan.warnings)


def test_a_scope_written_as_an_address_is_stored_by_its_name(harness: ConfigHarness) -> None:
    """So its name and its address are the same scope, in every file and export."""
    written = replace(EXAMPLE, ("[acme/checkout]", "['https://github.com/acme/checkout/issues']"))
    harness.apply(written)
    assert ("acme/checkout",) in harness.rows(sa.select(t.scope.c.name))
    assert harness.apply(EXAMPLE).changes == ()
    assert harness.apply(written).changes == ()


def test_a_scope_that_nothing_named_while_others_were_named_gives_a_warning(harness: ConfigHarness) -> None:
    """Its name may have a typing error."""
    two = replace(EXAMPLE, ("[acme/checkout]", "[acme/checkout, acme/chekcout]"))
    assert harness.apply(two).warnings == ()
    assert harness.apply(two).warnings == ()
    with writing(harness.engine) as tx:
        tx.execute(sa.update(t.scope).where(t.scope.c.name == "acme/checkout").values(external_id="501"))
    says = "connection acme-github: no delivery or poll has named acme/chekcout yet, but other scopes: check its name"
    assert harness.apply(two).warnings == (says,)


def test_a_tracker_without_a_list_of_changes_gives_an_import_warning() -> None:
    """The warning also says what follows."""
    connection = {
        "kind": "trello",
        "site": "https://trello.example",
        "webhook_secrets": ["s"],
        "earlier": "import",
        "scopes": ["board"],
    }
    desired: State = {section: {} for section in ("connections", "rules")}
    desired["connections"]["cards"] = connection
    unlisting: Any = object()
    assert list(warnings(desired, [], connectors={"trello": unlisting})) == [
        (
            "connection cards: import from trello is not supported yet; key results with issues from a scope "
            "that is not imported show as partly seen (with earlier: ignore they count only later changes)"
        )
    ]
    assert list(warnings(desired, [], connectors={"trello": load_connectors()["github"]})) == []


def test_secrets_are_encrypted_and_compared_in_clear_text(harness: ConfigHarness) -> None:
    """Encrypting the same secret again is no change. Another secret is, and is never printed."""
    harness.apply(EXAMPLE)
    c = t.connection.c
    stored = harness.rows(sa.select(c.sealed_token, c.sealed_secrets).order_by(c.slug))
    assert "token-of-github" not in repr(stored)
    assert harness.sealer.decrypt(str(stored[0][0])) == "token-of-github"
    plan = harness.apply(
        replace(EXAMPLE, ("env:GITHUB_TOKEN", "new-token"), ("[env:JIRA_WEBHOOK_SECRET]", "[newer-one, kept]"))
    )
    assert lines(plan.lines()) == [
        "~ connection acme-github: token changed",
        "~ connection acme-jira: webhook secrets changed",
    ]
    with reading(harness.engine) as tx:
        sealed = tx.scalars(sa.select(c.sealed_secrets).where(c.slug == "acme-jira")).one()
    assert [harness.sealer.decrypt(one) for one in sealed] == ["newer-one", "hook-secret-of-jira"]


def test_a_secret_that_is_left_out_is_removed(harness: ConfigHarness) -> None:
    """The files are complete. A connection without webhook secrets gives a warning."""
    harness.apply(EXAMPLE)
    text = replace(EXAMPLE, ("    webhook_secrets: [env:GITHUB_WEBHOOK_SECRET]\n    token: env:GITHUB_TOKEN\n", ""))
    plan = harness.apply(
        text.replace("scopes: [acme/checkout]\n    earlier: import", "scopes: [acme/checkout]\n    earlier: ignore")
    )
    assert lines(plan.lines()) == [
        "~ connection acme-github: earlier 'import' → 'ignore', token removed, webhook secrets removed"
    ]
    assert any("has no webhook secret" in warning for warning in plan.warnings)


def test_new_credentials_clear_a_refusal(harness: ConfigHarness) -> None:
    """A new owner does not."""
    harness.apply(EXAMPLE)
    refused = sa.update(t.connection).values(refused_at=NOW, refused_reason="401")
    with writing(harness.engine) as tx:
        tx.execute(refused)
    harness.apply(replace(EXAMPLE, ("env:GITHUB_TOKEN", "a-new-token"), ("owner: ana@example.com\n    email", "email")))
    c = t.connection.c
    assert harness.rows(sa.select(c.slug, c.refused_reason).order_by(c.slug)) == [
        ("acme-github", None),
        ("acme-jira", "401"),
    ]


@pytest.mark.both_databases
def test_rules_are_revised_and_removed(harness: ConfigHarness) -> None:
    """Each edit is a revision of its own, which counts once its links are complete."""
    harness.apply(EXAMPLE)
    text = replace(EXAMPLE, ("has: checkout}", "has: pay}"))
    change = "when labels include checkout and scope is acme/checkout → labels include pay and scope is acme/checkout"
    assert lines(harness.apply(text).lines()) == [f"~ rule checkout-label: {change}"]
    assert lines(harness.apply(text[: text.index("rules:")], prune=True).lines()) == [
        "- rule checkout-label",
        "- rule payment-bugs",
        "- link KR-1 ← acme-github:acme/checkout#12",
    ]
    assert harness.rows(sa.select(t.rule.c.slug)) == []
    v = t.rule_revision.c
    states = harness.rows(sa.select(v.state, sa.func.count()).where(v.rule_slug == "checkout-label").group_by(v.state))
    assert dict(states) == {"retired": 2, "pending": 1}


JQL = "project = SHOP AND issuetype = Bug AND component = payments"


def test_jql_is_stored_and_has_its_listing(harness: ConfigHarness) -> None:
    """With credentials we can evaluate it, so there is no warning."""
    assert harness.apply(EXAMPLE).warnings == ()
    assert harness.rows(sa.select(t.rule.c.query, t.rule.c.condition).where(t.rule.c.slug == "payment-bugs")) == [
        (JQL, {})
    ]
    found = sa.select(t.rule_revision.c.query).join(
        t.query_listing, t.query_listing.c.revision_id == t.rule_revision.c.id
    )
    assert harness.rows(found) == [(JQL,)]


def test_jql_without_credentials_is_stored_with_a_warning(harness: ConfigHarness) -> None:
    """Only Jira knows what it matches."""
    files = replace(
        EXAMPLE,
        ("token: env:JIRA_API_TOKEN\n    scopes: [SHOP]\n    earlier: import", "scopes: [SHOP]\n    earlier: ignore"),
    )
    plan = harness.apply(files)
    assert "rule payment-bugs: without credentials we cannot list what the query finds; key result KR-2 shows as" in (
        " ".join(plan.warnings)
    )


@pytest.mark.parametrize(
    ("jql", "says"),
    [("ORDER BY created", "Unbounded JQL queries are not allowed here."), ("(a = 1", "never closed")],
)
def test_jql_that_restricts_nothing_or_has_no_end_is_refused_without_a_call(
    harness: ConfigHarness, jql: str, says: str
) -> None:
    """The error has the line of the query, and Jira's words if Jira sent any."""
    (error,) = harness.errors(replace(EXAMPLE, (JQL, jql)))
    assert error.field == "rules[1].query"
    assert says in str(error)


SEARCH = """\
rules:
  - slug: searched
    connection: {connection}
    key_result: KR-1
    enabled: {enabled}
    query: '{query}'
"""


def test_a_search_is_stored_and_has_its_listing(harness: ConfigHarness) -> None:
    """It is a revision like any other. Applying it again changes nothing."""
    query = "repo:acme/checkout is:issue archived:false"
    search = SEARCH.format(connection="acme-github", enabled="true", query=query)
    plan = harness.apply(EXAMPLE, search)
    assert not any("searched" in warning for warning in plan.warnings)
    assert harness.apply(EXAMPLE, search).lines() == ["nothing to change"]
    found = sa.select(t.rule_revision.c.query, t.query_listing.c.cursor).join(
        t.query_listing, t.query_listing.c.revision_id == t.rule_revision.c.id
    )
    assert harness.rows(found.where(t.rule_revision.c.rule_slug == "searched")) == [(query, None)]


def test_a_search_without_credentials_is_stored_with_a_warning(harness: ConfigHarness) -> None:
    """There is none if known data decides every term, or if the rule is disabled."""
    harness.apply(EXAMPLE, RICH)
    for query, enabled, warns in (
        ("repo:acme/two is:issue archived:false", "true", True),
        ("repo:acme/two is:issue archived:false", "false", False),
        ("repo:acme/two is:issue label:x", "true", False),
    ):
        plan = harness.apply(SEARCH.format(connection="loud", enabled=enabled, query=query))
        found_warnings = [warning for warning in plan.warnings if warning.startswith("rule searched")]
        assert bool(found_warnings) is warns
        assert not found_warnings or "cannot evaluate archived:false or list" in found_warnings[0]


def test_an_unusable_search_is_an_error(harness: ConfigHarness) -> None:
    """The error has file, line and field like any other, and needs no call."""
    harness.apply(EXAMPLE)
    with pytest.raises(InvalidFiles) as caught:
        harness.apply(SEARCH.format(connection="acme-github", enabled="true", query="is:issue label:checkout"))
    (error,) = caught.value.errors
    assert (error.line, error.field) == (6, "rules[0].query")
    assert "add repo:OWNER/NAME" in str(error)


def test_a_search_on_a_connection_of_unknown_kind_gives_no_second_error(harness: ConfigHarness) -> None:
    """The error about the kind is enough."""
    search = SEARCH.format(connection="odd", enabled="true", query="is:issue")
    with pytest.raises(InvalidFiles) as caught:
        harness.apply(EXAMPLE, search.replace("rules:", "connections:\n  - {slug: odd, kind: gitlab}\nrules:"))
    assert not any(error.field == "rules[0].query" for error in caught.value.errors)


@pytest.mark.slow
def test_pruning_removes_what_the_files_no_longer_have_and_nothing_else(harness: ConfigHarness) -> None:
    """What stays keeps its history."""
    harness.apply(EXAMPLE, RICH)
    with writing(harness.engine) as tx:
        for row in tx.execute(sa.select(t.key_result.c.id)).all():
            tx.execute(sa.insert(t.history).values({"key_result_id": row.id, "at": NOW, "to": 1.0, "causes": []}))
    assert harness.apply(EXAMPLE).lines() == ["nothing to change"]
    plan = harness.apply(EXAMPLE, prune=True)
    assert plan.lines()[-1] == "0 created, 0 changed, 19 removed"
    removals.delete_batches(harness.engine)
    kept = sa.select(t.key_result.c.slug).join(t.history, t.history.c.key_result_id == t.key_result.c.id)
    assert harness.rows(kept.order_by(t.key_result.c.slug)) == [("KR-1",), ("KR-2",)]
    assert harness.rows(sa.select(sa.func.count()).select_from(t.history)) == [(2,)]


@pytest.mark.slow
def test_everything_can_be_removed(harness: ConfigHarness) -> None:
    """The order respects the foreign keys."""
    harness.apply(EXAMPLE, RICH)
    harness.apply("teams: []\n", prune=True)
    removals.delete_batches(harness.engine)
    for table in (t.team, t.person, t.cycle, t.connection, t.scope, t.objective, t.key_result, t.rule, t.manual_link):
        assert harness.rows(sa.select(sa.func.count()).select_from(table)) == [(0,)]


def test_a_key_result_may_move_while_its_old_objective_is_removed(harness: ConfigHarness) -> None:
    """It keeps its history."""
    harness.apply(EXAMPLE)
    with reading(harness.engine) as tx:
        before = tx.scalars(sa.select(t.key_result.c.id).order_by(t.key_result.c.id)).all()
    plan = harness.apply(replace(EXAMPLE, ("slug: fast-checkout", "slug: slow-checkout")), prune=True)
    assert "- objective fast-checkout" in plan.lines()
    with reading(harness.engine) as tx:
        assert tx.scalars(sa.select(t.key_result.c.id).order_by(t.key_result.c.id)).all() == before


def test_every_apply_leaves_a_line_in_the_audit_log(harness: ConfigHarness) -> None:
    """It has the actor and the changes."""
    harness.apply("teams:\n  - {slug: a, name: A}\n")
    assert harness.rows(sa.select(t.audit.c.at, t.audit.c.actor, t.audit.c.what)) == [
        (NOW, "the tests", "applied configuration files\n+ team a\n1 created, 0 changed, 0 removed")
    ]


def test_a_failing_last_step_rolls_everything_back(harness: ConfigHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """One transaction: all or nothing."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("sync_service.config_file.plan.follow_ups.key_results.recompute_each", fail)
    with pytest.raises(RuntimeError):
        harness.apply(EXAMPLE)
    assert harness.rows(sa.select(t.team.c.slug)) == []


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("https://acme.atlassian.net/jira/software/c/projects/SHOP/boards/1", "https://acme.atlassian.net"),
        (" https://acme.atlassian.net/browse/SHOP-7 ", "https://acme.atlassian.net"),
        ("https://jira.acme.example/jira/browse/SHOP-7", "https://jira.acme.example/jira"),
    ],
)
def test_a_site_in_a_file_may_be_the_address_of_any_page(harness: ConfigHarness, written: str, stored: str) -> None:
    """As on the page of a new connection."""
    harness.apply(replace(EXAMPLE, ("https://acme.atlassian.net", f'"{written}"')))
    assert harness.rows(sa.select(t.connection.c.site).where(t.connection.c.kind == "jira")) == [(stored,)]
