"""Example OKRs for the pages: every status, a stale value, a long history, a manual key result, many issues."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_service.domain.trackers.causes import Cause
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import reading, writing
from sync_service.store.people.auth import create_sign_in_link
from tests.support.migrated_database import close_for_copy
from tests.support.services import (
    NOW,
    add,
    add_cycle,
    add_history,
    add_issue,
    add_key_result,
    add_person,
    build_services,
    link,
    recompute,
)

DAY = timedelta(days=1)
NASTY = "<script>alert('x')</script> & “quotes”"


@dataclass(frozen=True, slots=True)
class Example:
    """Row ids that tests need."""

    ana: int
    ben: int
    vera: int
    github: int
    key_results: dict[str, int]


def fill_with_examples(services: Services) -> Example:
    """Add two teams, three people, two cycles, three objectives and their linked issues; compute the key results."""
    with writing(services.engine) as tx:
        checkout = add(tx, tables.team, slug="checkout", name="Checkout")
        platform = add(tx, tables.team, slug="platform", name="Platform")
        ana = add_person(tx, "ana@example.com", "Ana Ruiz", role="admin", team_id=checkout, timezone="Europe/Madrid")
        ben = add_person(tx, "ben@example.com", "Ben Okafor", team_id=platform)
        vera = add_person(tx, "vera@example.com", "Vera Lind", role="viewer")
        q4 = add_cycle(tx, "2026-q4", "Q4 2026", starts=date(2026, 10, 1), ends=date(2026, 12, 31))
        add_cycle(tx, "2027-q1", "Q1 2027", starts=date(2027, 1, 1), ends=date(2027, 3, 31))
        github = _connection(tx, "acme-github", "github", ana, scopes=("acme/checkout",))
        jira = _connection(tx, "acme-jira", "jira", ana, scopes=("SHOP",), refused=True)
        effortless = _objective(tx, "fast-checkout", "Paying is effortless", q4, checkout, ana)
        steady = _objective(tx, "steady-platform", "The platform never wakes anybody up", q4, platform, ben)
        _objective(tx, "nasty", NASTY, q4, None, None)
        share, count, opened = ({"kind": kind} for kind in ("done-share", "done-count", "open-count"))
        ids = {
            "KR-1": add_key_result(
                tx, effortless, "KR-1", "Ship the new checkout", measure={**share, "weight": "points"}, weight=2.0
            ),
            "KR-2": add_key_result(
                tx,
                effortless,
                "KR-2",
                "Open payment bugs down from 12 to 2",
                measure=opened,
                start=12.0,
                target=2.0,
                unit="bugs",
                owner_id=ben,
            ),
            "KR-3": add_key_result(
                tx,
                effortless,
                "KR-3",
                "Conversion from basket to paid up to 68 %",
                measure={"kind": "manual"},
                start=61.0,
                target=68.0,
                owner_id=ben,
            ),
            "KR-4": add_key_result(
                tx, steady, "KR-4", "Finish 8 runbooks", measure=count, target=8.0, unit="runbooks", owner_id=ben
            ),
            "KR-5": add_key_result(tx, steady, "KR-5", "Move every service to the new network", measure=share),
            "KR-6": add_key_result(tx, steady, "KR-6", NASTY, measure=share),
        }
        _add_issues(tx, ids, github, jira)
    recompute(services, *ids.values())
    with writing(services.engine) as tx:
        _add_past(tx, ids)
    return Example(ana=ana, ben=ben, vera=vera, github=github[0], key_results=ids)


def prepare_examples(database_url: str) -> None:
    """Migrate an empty database and add the examples; it is copied, since the examples take longer than most tests."""
    with TemporaryDirectory() as directory:
        services = build_services(database_url, Path(directory))
        fill_with_examples(services)
        close_for_copy(services.engine)


def find_examples(services: Services) -> Example:
    """Return the row ids of the examples in a copied database."""
    person, key_result, connection = tables.person.c, tables.key_result.c, tables.connection.c
    with reading(services.engine) as tx:
        people = {row.email.partition("@")[0]: row.id for row in tx.execute(sa.select(person.email, person.id))}
        github = tx.execute(sa.select(connection.id).where(connection.slug == "acme-github")).scalar_one()
        key_results = {row.slug: row.id for row in tx.execute(sa.select(key_result.slug, key_result.id))}
    return Example(**people, github=github, key_results=key_results)


def sign_in_path(services: Services, person_id: int) -> str:
    """Create a sign-in link for a person and return its path."""
    with writing(services.engine) as tx:
        return f"/sign-in/{create_sign_in_link(tx, person_id, services.now())}"


def close_issue(services: Services, key: str, *key_result_ids: int) -> None:
    """Close an issue and compute its key results, as a delivery does."""
    with writing(services.engine) as tx:
        change = {"state": "done", "closed_at": services.now()}
        tx.execute(sa.update(tables.issue).where(tables.issue.c.key == key).values(change))
    recompute(services, *key_result_ids, cause="closed as done")


def add_many(services: Services, key_result_id: int, connection: int, *, issues: int, entries: int) -> None:
    """Link many issues to a key result and give it a long history."""
    with writing(services.engine) as tx:
        scope_id = tx.scalar(sa.select(tables.scope.c.id).where(tables.scope.c.connection_id == connection))
        assert scope_id is not None
        states = ("todo", "doing", "done", "dropped")
        for number in range(issues):
            state = states[number % len(states)]
            closed = NOW - DAY if state in ("done", "dropped") else None
            key = f"acme/checkout#{1000 + number}"
            one = add_issue(tx, connection, scope_id, key, f"Piece {number}", state=state, closed_at=closed)
            link(tx, key_result_id, one)
        for number in range(entries):
            at = NOW - timedelta(hours=entries - number)
            causes = [Cause(what="closed as done", issue=f"acme/checkout#{number}")]
            before, after = 100 * number / entries, 100 * (number + 1) / entries
            add_history(tx, key_result_id, at, before=before, after=after, causes=causes)
        versions.bump(tx, versions.CHANGES)


def _connection(
    tx: Connection, slug: str, kind: str, owner: int, *, scopes: tuple[str, ...], refused: bool = False
) -> tuple[int, int]:
    connection = add(
        tx,
        tables.connection,
        slug=slug,
        kind=kind,
        site=f"https://{slug}.example.com",
        owner_id=owner,
        options={},
        sealed_secrets=[],
        earlier="ignore",
        refused_at=NOW - 2 * DAY if refused else None,
        refused_reason="the token is expired or was revoked (401)" if refused else None,
    )
    ids = [add(tx, tables.scope, connection_id=connection, name=name, covered_at=NOW - 30 * DAY) for name in scopes]
    return connection, ids[0]


def _objective(tx: Connection, slug: str, title: str, cycle: int, team: int | None, owner: int | None) -> int:
    return add(tx, tables.objective, slug=slug, title=title, cycle_id=cycle, team_id=team, owner_id=owner)


def _add_issues(tx: Connection, ids: dict[str, int], github: tuple[int, int], jira: tuple[int, int]) -> None:
    checkout = (
        ("Card form in one step", "done", 5.0, None),
        ("Keep the basket over a sign-in", "done", 3.0, None),
        ("Pay by bank transfer", "doing", 8.0, None),
        ("Receipts by mail", "todo", 2.0, None),
        ("Gift cards", "dropped", 5.0, "not_planned"),
        (NASTY, "todo", None, None),
    )
    for number, (title, state, points, resolution) in enumerate(checkout, start=12):
        closed = NOW - number * timedelta(hours=5) if state in ("done", "dropped") else None
        one = add_issue(
            tx,
            *github,
            f"acme/checkout#{number}",
            title,
            state=state,
            points=points,
            resolution=resolution,
            closed_at=closed,
            assignees=[["anaruiz", "Ana Ruiz"]] if number % 2 else [],
        )
        link(tx, ids["KR-1"], one, weight=2.0 if number == 14 else 1.0)
    for number in range(9):
        state = "todo" if number < 8 else "done"
        closed = NOW - DAY if state == "done" else None
        one = add_issue(
            tx, *jira, f"SHOP-{number + 1}", f"Payment fails in case {number + 1}", state=state, closed_at=closed
        )
        link(tx, ids["KR-2"], one)
    for number in range(8):
        state = "done" if number < 8 else "doing"
        one = add_issue(
            tx, *github, f"acme/checkout#{100 + number}", f"Runbook {number}", state=state, closed_at=NOW - DAY
        )
        link(tx, ids["KR-4"], one)
    for number in range(4):
        done = number < 1
        one = add_issue(
            tx,
            *github,
            f"acme/checkout#{200 + number}",
            f"Move service {number}",
            state="done" if done else "doing",
            closed_at=NOW - DAY if done else None,
        )
        link(tx, ids["KR-5"], one)


def _add_past(tx: Connection, ids: dict[str, int]) -> None:
    """Add plausible history entries before the computed values."""
    tx.execute(sa.delete(tables.history).where(tables.history.c.key_result_id == ids["KR-1"]))
    steps = ((3, None, 0.0), (9, 0.0, 15.0), (15, 15.0, 12.5), (24, 12.5, 25.0), (33, 25.0, 31.6), (39, 31.6, 29.63))
    for day, before, after in steps:
        at = NOW - (41 - day) * DAY
        decreased = before is not None and after < before
        causes = [
            Cause(
                what="reopened" if decreased else "closed as done",
                issue=f"acme/checkout#{day + 3}",
                title="Card form in one step",
                url=f"https://github.example.com/acme/checkout/issues/{day + 3}",
                delivery=f"72d3162e-cc78-11e3-81ab-4c9367dc0{day:03}",
                actor="anaruiz",
                reopened=decreased,
            )
        ]
        if day == 24:
            causes += [
                Cause(what="labelled checkout", issue=f"acme/checkout#{n}", actor="benok") for n in range(40, 52)
            ]
        add_history(tx, ids["KR-1"], at, before=before, after=after, causes=causes)
    versions.bump(tx, versions.CHANGES)
