"""Applying makes the database match the files, whole, and has every consequence follow."""

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
from tests.config_file.conftest import NOW, Desk
from tests.config_file.files import EXAMPLE, RICH, replace
from tests.config_file.follow_ups import lines, recomputed, settle, versions


def test_a_first_apply_creates_everything(desk: Desk) -> None:
    """Each item is a line, and the sum comes last."""
    assert desk.apply(EXAMPLE).lines() == [
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
    assert recomputed(desk) == {"KR-1": ["key result added"], "KR-2": ["key result added"]}
    assert desk.rows(sa.select(t.rule_revision.c.rule_slug, t.rule_revision.c.state)) == [
        ("checkout-label", "pending"),
        ("payment-bugs", "pending"),
    ]


@pytest.mark.parametrize("text", [EXAMPLE, RICH])
def test_applying_again_changes_nothing(desk: Desk, text: str) -> None:
    """Not a row, not a counter, not a line in the audit log."""
    desk.apply(text)
    before = versions(desk), desk.rows(sa.select(sa.func.count()).select_from(t.audit))
    assert desk.apply(text, prune=True).lines() == ["nothing to change"]
    assert (versions(desk), desk.rows(sa.select(sa.func.count()).select_from(t.audit))) == before


def test_a_plan_says_the_same_and_changes_nothing(desk: Desk) -> None:
    """Which is what --dry-run does."""
    planned = desk.plan(EXAMPLE)
    assert desk.rows(sa.select(t.team.c.slug)) == []
    assert desk.apply(EXAMPLE).lines() == planned.lines()


def test_what_measures_give_by_themselves_is_filled_in(desk: Desk) -> None:
    """A share goes to 100 %, a count begins at 0, and what people set themselves has the unit they give."""
    desk.apply(RICH)
    k = t.key_result.c
    assert desk.rows(sa.select(k.slug, k.start, k.target, k.unit).order_by(k.position)) == [
        ("share", 0, 100, ""),
        ("count", 0, 12.5, ""),
        ("open", 10, 0, "bugs"),
        ("score", -1.5, 4, ""),
        ("percent", 0, 100, "%"),
    ]
    assert desk.rows(sa.select(t.connection.c.site).where(t.connection.c.slug == "loud")) == [
        ("https://api.github.com",)
    ]


def test_a_cycle_begins_and_ends_at_midnight_of_the_organisation(desk: Desk) -> None:
    """The last day belongs to it; Madrid is two hours ahead in October and one in January."""
    desk.apply(EXAMPLE)
    assert desk.rows(sa.select(t.cycle.c.starts_at, t.cycle.c.ends_at)) == [
        (datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC))
    ]


def test_scopes_are_covered_at_once_where_nothing_earlier_counts(desk: Desk) -> None:
    """With `import` they wait for it."""
    desk.apply(EXAMPLE)
    assert desk.rows(sa.select(t.scope.c.covered_at)) == [(None,), (None,)]
    settle(desk)
    plan = desk.apply(EXAMPLE.replace("earlier: import", "earlier: ignore"))
    assert desk.rows(sa.select(t.scope.c.covered_at)) == [(NOW,), (NOW,)]
    assert set(recomputed(desk)) == {"KR-1", "KR-2"}
    assert not any("not imported" in warning for warning in plan.warnings)


def test_a_tracker_that_can_not_be_asked_can_not_be_imported_from() -> None:
    """A warning says so, and what follows."""
    connection = {"kind": "trello", "webhook_secrets": ["s"], "earlier": "import", "scopes": ["board"]}
    wanted: State = {section: {} for section in ("connections", "rules")}
    wanted["connections"]["cards"] = connection
    unlisting: Any = object()
    assert list(warnings(wanted, [], connectors={"trello": unlisting})) == [
        (
            "connection cards: import from trello is not supported yet; key results with issues from a scope "
            "that is not imported show as partly seen (with earlier: ignore they count only later changes)"
        )
    ]
    assert list(warnings(wanted, [], connectors={"trello": load_connectors()["github"]})) == []


def test_secrets_are_sealed_and_compared_in_the_clear(desk: Desk) -> None:
    """The same secret sealed anew is no change; another one is, and is never printed."""
    desk.apply(EXAMPLE)
    c = t.connection.c
    stored = desk.rows(sa.select(c.sealed_token, c.sealed_secrets).order_by(c.slug))
    assert "token-of-github" not in repr(stored)
    assert desk.sealer.decrypt(str(stored[0][0])) == "token-of-github"
    plan = desk.apply(
        replace(EXAMPLE, ("env:GITHUB_TOKEN", "new-token"), ("[env:JIRA_WEBHOOK_SECRET]", "[newer, kept]"))
    )
    assert lines(plan.lines()) == [
        "~ connection acme-github: token changed",
        "~ connection acme-jira: webhook secrets changed",
    ]
    with reading(desk.engine) as tx:
        sealed = tx.scalars(sa.select(c.sealed_secrets).where(c.slug == "acme-jira")).one()
    assert [desk.sealer.decrypt(one) for one in sealed] == ["newer", "hook-secret-of-jira"]


def test_a_secret_that_is_left_out_is_removed(desk: Desk) -> None:
    """The files say all there is; without any webhook secret there is a warning."""
    desk.apply(EXAMPLE)
    text = replace(EXAMPLE, ("    webhook_secrets: [env:GITHUB_WEBHOOK_SECRET]\n    token: env:GITHUB_TOKEN\n", ""))
    plan = desk.apply(
        text.replace("scopes: [acme/checkout]\n    earlier: import", "scopes: [acme/checkout]\n    earlier: ignore")
    )
    assert lines(plan.lines()) == [
        "~ connection acme-github: earlier 'import' → 'ignore', token removed, webhook secrets removed"
    ]
    assert any("has no webhook secret" in warning for warning in plan.warnings)


def test_new_credentials_mend_a_refused_connection(desk: Desk) -> None:
    """Another owner does not."""
    desk.apply(EXAMPLE)
    refused = sa.update(t.connection).values(refused_at=NOW, refused_reason="401")
    with writing(desk.engine) as tx:
        tx.execute(refused)
    desk.apply(replace(EXAMPLE, ("env:GITHUB_TOKEN", "a-new-token"), ("owner: ana@example.com\n    email", "email")))
    c = t.connection.c
    assert desk.rows(sa.select(c.slug, c.refused_reason).order_by(c.slug)) == [
        ("acme-github", None),
        ("acme-jira", "401"),
    ]


@pytest.mark.both_databases
def test_rules_are_revised_and_removed(desk: Desk) -> None:
    """Each edit is a revision of its own, which counts once its links are filled in."""
    desk.apply(EXAMPLE)
    text = replace(EXAMPLE, ("has: checkout}", "has: pay}"))
    change = "when labels has checkout and scope is acme/checkout → labels has pay and scope is acme/checkout"
    assert lines(desk.apply(text).lines()) == [f"~ rule checkout-label: {change}"]
    assert lines(desk.apply(text[: text.index("rules:")], prune=True).lines()) == [
        "- rule checkout-label",
        "- rule payment-bugs",
        "- link KR-1 ← acme-github:acme/checkout#12",
    ]
    assert desk.rows(sa.select(t.rule.c.slug)) == []
    v = t.rule_revision.c
    states = desk.rows(sa.select(v.state, sa.func.count()).where(v.rule_slug == "checkout-label").group_by(v.state))
    assert dict(states) == {"retired": 2, "pending": 1}


JQL = "project = SHOP AND issuetype = Bug AND component = payments"


def test_jql_is_kept_and_has_its_listing(desk: Desk) -> None:
    """With credentials it is evaluated, so that nothing is warned of."""
    assert desk.apply(EXAMPLE).warnings == ()
    assert desk.rows(sa.select(t.rule.c.query, t.rule.c.condition).where(t.rule.c.slug == "payment-bugs")) == [
        (JQL, {})
    ]
    found = sa.select(t.rule_revision.c.query).join(
        t.query_listing, t.query_listing.c.revision_id == t.rule_revision.c.id
    )
    assert desk.rows(found) == [(JQL,)]


def test_jql_that_nobody_can_list_is_kept_with_a_warning(desk: Desk) -> None:
    """Jira alone can tell what it finds."""
    files = replace(
        EXAMPLE,
        ("token: env:JIRA_API_TOKEN\n    scopes: [SHOP]\n    earlier: import", "scopes: [SHOP]\n    earlier: ignore"),
    )
    plan = desk.apply(files)
    assert "rule payment-bugs: without credentials we cannot list what the query finds; key result KR-2 shows as" in (
        " ".join(plan.warnings)
    )


@pytest.mark.parametrize(
    ("jql", "says"),
    [("ORDER BY created", "Unbounded JQL queries are not allowed here."), ("(a = 1", "never closed")],
)
def test_jql_that_restricts_nothing_or_has_no_end_is_refused_without_a_call(desk: Desk, jql: str, says: str) -> None:
    """With the line it stands in, and in Jira's words where Jira has some."""
    (mistake,) = desk.errors(replace(EXAMPLE, (JQL, jql)))
    assert mistake.field == "rules[1].query"
    assert says in str(mistake)


SEARCH = """\
rules:
  - slug: searched
    connection: {connection}
    key_result: KR-1
    enabled: {enabled}
    query: '{query}'
"""


def test_a_search_is_kept_and_has_its_listing(desk: Desk) -> None:
    """As a revision like any other; applied again, nothing changes."""
    query = "repo:acme/checkout is:issue archived:false"
    search = SEARCH.format(connection="acme-github", enabled="true", query=query)
    plan = desk.apply(EXAMPLE, search)
    assert not any("searched" in warning for warning in plan.warnings)
    assert desk.apply(EXAMPLE, search).lines() == ["nothing to change"]
    found = sa.select(t.rule_revision.c.query, t.query_listing.c.cursor).join(
        t.query_listing, t.query_listing.c.revision_id == t.rule_revision.c.id
    )
    assert desk.rows(found.where(t.rule_revision.c.rule_slug == "searched")) == [(query, None)]


def test_a_search_that_nobody_can_list_is_kept_with_a_warning(desk: Desk) -> None:
    """Unless every part can be judged by what is known, or the rule is off."""
    desk.apply(EXAMPLE, RICH)
    for query, enabled, warns in (
        ("repo:acme/two is:issue archived:false", "true", True),
        ("repo:acme/two is:issue archived:false", "false", False),
        ("repo:acme/two is:issue label:x", "true", False),
    ):
        plan = desk.apply(SEARCH.format(connection="loud", enabled=enabled, query=query))
        said = [warning for warning in plan.warnings if warning.startswith("rule searched")]
        assert bool(said) is warns
        assert not said or "cannot evaluate archived:false or list" in said[0]


def test_a_search_that_can_not_be_used_is_a_mistake(desk: Desk) -> None:
    """It is named like any other, with file, line and field, and without a call."""
    desk.apply(EXAMPLE)
    with pytest.raises(InvalidFiles) as caught:
        desk.apply(SEARCH.format(connection="acme-github", enabled="true", query="is:issue label:checkout"))
    (mistake,) = caught.value.errors
    assert (mistake.line, mistake.field) == (6, "rules[0].query")
    assert "add repo:OWNER/NAME" in str(mistake)


def test_a_search_on_a_connection_of_an_unknown_kind_is_left_to_that_mistake(desk: Desk) -> None:
    """One mistake is enough."""
    search = SEARCH.format(connection="odd", enabled="true", query="is:issue")
    with pytest.raises(InvalidFiles) as caught:
        desk.apply(EXAMPLE, search.replace("rules:", "connections:\n  - {slug: odd, kind: gitlab}\nrules:"))
    assert not any(mistake.field == "rules[0].query" for mistake in caught.value.errors)


def test_pruning_removes_what_the_files_no_longer_have_and_nothing_else(desk: Desk) -> None:
    """The history of what stays, stays."""
    desk.apply(EXAMPLE, RICH)
    with writing(desk.engine) as tx:
        for row in tx.execute(sa.select(t.key_result.c.id)).all():
            tx.execute(sa.insert(t.history).values({"key_result_id": row.id, "at": NOW, "to": 1.0, "causes": []}))
    assert desk.apply(EXAMPLE).lines() == ["nothing to change"]
    plan = desk.apply(EXAMPLE, prune=True)
    assert plan.lines()[-1] == "0 created, 0 changed, 19 removed"
    kept = sa.select(t.key_result.c.slug).join(t.history, t.history.c.key_result_id == t.key_result.c.id)
    assert desk.rows(kept.order_by(t.key_result.c.slug)) == [("KR-1",), ("KR-2",)]
    assert desk.rows(sa.select(sa.func.count()).select_from(t.history)) == [(2,)]


def test_everything_can_be_removed(desk: Desk) -> None:
    """In an order that the tables allow."""
    desk.apply(EXAMPLE, RICH)
    desk.apply("teams: []\n", prune=True)
    for table in (t.team, t.person, t.cycle, t.connection, t.scope, t.objective, t.key_result, t.rule, t.manual_link):
        assert desk.rows(sa.select(sa.func.count()).select_from(table)) == [(0,)]


def test_a_key_result_may_move_to_an_objective_while_its_old_one_goes(desk: Desk) -> None:
    """It keeps its history."""
    desk.apply(EXAMPLE)
    with reading(desk.engine) as tx:
        before = tx.scalars(sa.select(t.key_result.c.id).order_by(t.key_result.c.id)).all()
    plan = desk.apply(replace(EXAMPLE, ("slug: fast-checkout", "slug: slow-checkout")), prune=True)
    assert "- objective fast-checkout" in plan.lines()
    with reading(desk.engine) as tx:
        assert tx.scalars(sa.select(t.key_result.c.id).order_by(t.key_result.c.id)).all() == before


def test_every_apply_leaves_a_line_in_the_audit_log(desk: Desk) -> None:
    """With who did it and what changed."""
    desk.apply("teams:\n  - {slug: a, name: A}\n")
    assert desk.rows(sa.select(t.audit.c.at, t.audit.c.actor, t.audit.c.what)) == [
        (NOW, "the tests", "applied configuration files\n+ team a\n1 created, 0 changed, 0 removed")
    ]


def test_nothing_is_applied_where_the_last_step_fails(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """One transaction: all or nothing."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("sync_service.config_file.plan.follow_ups.key_results.recompute", fail)
    with pytest.raises(RuntimeError):
        desk.apply(EXAMPLE)
    assert desk.rows(sa.select(t.team.c.slug)) == []
