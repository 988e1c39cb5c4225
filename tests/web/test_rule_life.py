"""The life of a rule on pages: rights of members, versions, undo, review, removal, and links that rules propose."""

import pytest
import sqlalchemy as sa

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.okrs import rule_versions
from tests.support.example_okrs import Example
from tests.web.rules_seed import NETWORK, add_labelled_issues, add_rule, apply_rules, audited, current, stored_rule
from tests.web.session_client import SessionClient

RULE = "/rules/network-label"


@pytest.fixture(autouse=True)
def issues(services: Services, example: Example) -> None:
    """Add issues for rules to match."""
    add_labelled_issues(services, example)


def give(services: Services, example: Example, slug: str, *, owner: int | None, team: int | None) -> None:
    """Give a key result an owner and its objective a team; take both from Ben's team otherwise."""
    k, o = tables.key_result, tables.objective
    objective = sa.select(k.c.objective_id).where(k.c.slug == slug).scalar_subquery()
    with writing(services.engine) as tx:
        tx.execute(sa.update(k).where(k.c.slug == slug).values(owner_id=owner))
        tx.execute(sa.update(o).where(o.c.id == objective).values(team_id=team, owner_id=None))


def team_of_ben(services: Services) -> int:
    """Return Ben's team, which he is put in."""
    with writing(services.engine) as tx:
        found: int | None = tx.scalars(sa.select(tables.team.c.id).order_by(tables.team.c.id)).first()
        p = tables.person
        tx.execute(sa.update(p).where(p.c.email == "ben@example.com").values(team_id=found))
    assert found is not None
    return found


def state_of(services: Services) -> str | None:
    """Return the state of the rule, None: there is none."""
    row = stored_rule(services, "network-label")
    return row.state if row else None


@pytest.mark.slow
def test_a_member_saves_drafts_and_proposals_toward_their_teams_key_results(
    ben: SessionClient, services: Services, example: Example
) -> None:
    """An active rule is refused in words; toward another team's key result every state is."""
    form = NETWORK | {"slug": "network-label"}
    give(services, example, "KR-6", owner=None, team=team_of_ben(services))
    refused = ben.submit("/rules/new", on="/rules/new", state="active", **form)
    assert refused.status_code == 403
    assert "you may save a draft, or let it propose" in refused.text
    assert ben.submit("/rules/new", on="/rules/new", state="draft", **form).status_code == 302
    assert state_of(services) == "draft"
    apply_rules(services)
    assert current(services, "KR-6") is None
    assert ben.submit(f"{RULE}/state", on="/rules", state="active").status_code == 403
    assert ben.submit(f"{RULE}/state", on="/rules", state="proposing").status_code == 302
    give(services, example, "KR-6", owner=None, team=None)
    refused = ben.submit(f"{RULE}/state", on="/rules", state="draft")
    assert refused.status_code == 403
    assert "KR-6 belongs to another team" in refused.text
    assert 'id="rule-form"' not in ben.read(RULE)


def test_the_owner_of_a_key_result_writes_rules_toward_it(
    ben: SessionClient, services: Services, example: Example
) -> None:
    """In any state."""
    with writing(services.engine) as tx:
        ben_id = tx.scalars(sa.select(tables.person.c.id).where(tables.person.c.email == "ben@example.com")).one()
    give(services, example, "KR-6", owner=ben_id, team=None)
    form = NETWORK | {"slug": "network-label"}
    assert ben.submit("/rules/new", on="/rules/new", state="active", **form).status_code == 302
    assert state_of(services) == "active"


@pytest.mark.slow
@pytest.mark.both_databases
def test_every_save_is_a_version_and_can_be_undone(ana: SessionClient, services: Services, example: Example) -> None:
    """Also the removal: any version brings the rule back, and that is a version too."""
    add_rule(services, example, "network-label")
    ana.submit(f"{RULE}/state", on="/rules", state="disabled")
    words = ana.words(f"{RULE}/versions")
    assert "1 created" in words
    assert "state active → disabled" in words
    assert ana.submit(f"{RULE}/versions", on=f"{RULE}/versions", version="1").status_code == 302
    assert state_of(services) == "active"
    assert ana.submit(f"{RULE}/removal", on=RULE).status_code == 302
    assert state_of(services) is None
    assert "network-label" in ana.words("/rules")
    apply_rules(services)
    assert current(services, "KR-6") is None
    assert ana.submit(f"{RULE}/versions", on=f"{RULE}/versions", version="2").status_code == 302
    with writing(services.engine) as tx:
        found = rule_versions.read(tx, "network-label")
    assert [(one.number, one.what, one.changed_by) for one in found] == [
        (5, "back to version 2", "Ana Ruiz"),
        (4, "removed", "Ana Ruiz"),
        (3, "back to version 1", "Ana Ruiz"),
        (2, "changed", "Ana Ruiz"),
        (1, "created", "Ben Okafor"),
    ]
    assert state_of(services) == "disabled"
    assert [what for _, what in audited(services)] == [
        "rule network-label disabled",
        "rule network-label back to version 1: labels include network",
        "rule network-label removed",
        "rule network-label back to version 2",
    ]


def test_a_version_that_names_what_is_gone_cannot_come_back(
    ana: SessionClient, services: Services, example: Example
) -> None:
    """The answer names it; an unknown version is not found."""
    add_rule(services, example, "network-label")
    with writing(services.engine) as tx:
        tx.execute(sa.delete(tables.rule))
        tx.execute(sa.delete(tables.key_result).where(tables.key_result.c.slug == "KR-6"))
    refused = ana.submit(f"{RULE}/versions", on=f"{RULE}/versions", version="1")
    assert refused.status_code == 409
    assert "names the key result KR-6, which no longer exists" in refused.text
    assert ana.submit(f"{RULE}/versions", on=f"{RULE}/versions", version="9").status_code == 404


@pytest.mark.slow
def test_a_review_is_stored(ana: SessionClient, services: Services, example: Example) -> None:
    """With who did it."""
    add_rule(services, example, "network-label")
    assert "Last reviewed never" in ana.words(RULE)
    ana.submit(f"{RULE}/review", on=RULE)
    assert "by Ana Ruiz" in ana.words(RULE).partition("Last reviewed")[2]


def test_a_rule_toward_a_closed_cycle_is_refused_in_words(
    ana: SessionClient, services: Services, example: Example
) -> None:
    """A new one, and an old one that is enabled again; disabling is fine."""
    add_rule(services, example, "network-label")
    with writing(services.engine) as tx:
        o, k, c = tables.objective, tables.key_result, tables.cycle
        of = sa.select(o.c.cycle_id).join(k, k.c.objective_id == o.c.id).where(k.c.slug == "KR-6").scalar_subquery()
        row = tx.execute(sa.select(c).where(c.c.id == of)).one()
        past = row.ends_at.replace(year=row.ends_at.year - 1)
        tx.execute(sa.update(c).where(c.c.id == row.id).values(starts_at=past.replace(month=1), ends_at=past))
    assert ana.submit(f"{RULE}/state", on="/rules", state="disabled").status_code == 302
    refused = ana.submit(f"{RULE}/state", on="/rules", state="active")
    assert refused.status_code == 409
    assert "The numbers of KR-6 are final" in refused.text
    form = NETWORK | {"slug": "another"}
    refused = ana.submit("/rules/new", on="/rules/new", **form)
    assert refused.status_code == 422
    assert "the numbers of KR-6 are final" in refused.text.lower().replace("kr-6", "KR-6")


def test_overlaps_are_shown_on_the_rules_page(ana: SessionClient, services: Services, example: Example) -> None:
    """With the other rule and what it means."""
    add_rule(services, example, "network-label")
    assert "no other rule matches the same issues" in ana.words(RULE)
    add_rule(services, example, "same-label")
    assert "4 issues with same-label of acme-github: both count toward KR-6" in ana.words(RULE)


@pytest.mark.slow
@pytest.mark.both_databases
def test_proposed_links_are_accepted_and_declined_on_the_key_results_page(
    ana: SessionClient, vera: SessionClient, services: Services, example: Example
) -> None:
    """Viewers see what waits, without buttons."""
    add_rule(services, example, "network-label")
    ana.submit(f"{RULE}/state", on="/rules", state="proposing")
    apply_rules(services)
    assert "4 issues wait for the owner" in vera.words("/key-results/KR-6")
    assert "/proposed-links" not in vera.read("/key-results/KR-6")
    path = "/key-results/KR-6/proposed-links"
    issue = "acme-github:acme/checkout#703"
    assert vera.submit(path, on="/key-results/KR-6", decision="accept", issue=issue).status_code == 403
    assert ana.submit(path, on="/key-results/KR-6", decision="accept", issue=issue).status_code == 302
    assert current(services, "KR-6") is not None
    other = "acme-github:acme/checkout#702"
    assert ana.submit(path, on="/key-results/KR-6", decision="decline", issue=other).status_code == 302
    assert "2 issues wait for the owner" in ana.words("/key-results/KR-6")
    assert ana.submit(path, on="/key-results/KR-6", decision="decline", issue=other).status_code == 409
    assert audited(services)[-1] == ("ana@example.com", f"KR-6: 1 proposed link declined: {other}")
