"""The state: everything that files configure, in one neutral form, to compare the database with the files.

A state maps each section to its items by key (a slug, an e-mail address, or the three parts of a link), and each item
to its fields. Items name people, teams and so on by key, never by row id. Secrets are not encrypted here: never print a
state.
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store import tables as t
from sync_service.store.engine.encryption import DecryptionError, Sealer
from sync_service.store.trackers import scope_moves

Key = str | tuple[str, str, str]
"""The key of a link is its key result, its connection, and the issue's key."""

Fields = Mapping[str, Any]
State = dict[str, dict[Key, Fields]]

ORGANISATION = "organisation"
"""The key of the organisation, the one item of its section."""

ORDER = ("organisation", "teams", "people", "cycles", "connections", "objectives", "key_results", "rules", "links")
"""Sections in the order to write them: an item comes after those that it refers to."""


def read_state(tx: Transaction, sealer: Sealer) -> State:
    """Read everything that files configure, each section in display order. Raise `DecryptionError`."""
    teams = {row.id: row for row in tx.execute(sa.select(t.team).order_by(t.team.c.slug))}
    people = {row.id: row for row in tx.execute(sa.select(t.person).order_by(t.person.c.email))}
    cycles = {
        row.id: row for row in tx.execute(sa.select(t.live_cycle).order_by(t.live_cycle.c.starts, t.live_cycle.c.slug))
    }
    email = {None: None} | {row.id: row.email for row in people.values()}
    team = {None: None} | {row.id: row.slug for row in teams.values()}
    cycle = {row.id: row.slug for row in cycles.values()}
    objectives = tx.execute(
        sa.select(t.live_objective).order_by(t.live_objective.c.position, t.live_objective.c.id)
    ).all()
    objective = {None: None} | {row.id: row.slug for row in objectives}
    state: State = {
        "organisation": _organisation(tx),
        "teams": {
            row.slug: _pick(row, "name", "timezone", "thresholds", "calendar", "cadence")
            | {"parent": team.get(row.parent_id)}
            for row in teams.values()
        },
        "people": {
            row.email: _pick(row, "name", "role", "timezone", "accounts") | {"team": team[row.team_id]}
            for row in people.values()
        },
        "cycles": {row.slug: _pick(row, "name", "starts", "ends", "starts_at", "ends_at") for row in cycles.values()},
        "connections": _connections(tx, sealer, email),
        "objectives": {
            row.slug: _pick(row, "title", "position", "counts", "weight", "roll_up")
            | {"cycle": cycle[row.cycle_id], "team": team[row.team_id], "owner": email[row.owner_id]}
            | {"parent": objective.get(row.parent_id)}
            for row in objectives
        },
    }
    return state | {
        "key_results": _key_results(tx, email),
        "rules": _rules(tx, email),
        "links": read_links(tx),
    }


def _organisation(tx: Transaction) -> dict[Key, Fields]:
    o = t.organisation
    names = (
        *("name", "timezone", "week_starts", "thresholds", "calendar", "cadence"),
        *("grace_days", "daily_cap", "quiet", "allowed_domains"),
    )
    row = tx.execute(sa.select(o).order_by(o.c.id).limit(1)).one_or_none()
    return {} if row is None else {ORGANISATION: _pick(row, *names) | {"allowed_domains": row.allowed_domains or []}}


def _pick(row: sa.Row[Any], *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


Emails = Mapping[int | None, str | None]


def _connections(tx: Transaction, sealer: Sealer, email: Emails) -> dict[Key, Fields]:
    c, scopes = t.live_connection, scope_moves.configured_names(tx)
    return {
        row.slug: _pick(row, "kind", "site", "options", "earlier", "write_back")
        | {
            "owner": email[row.owner_id],
            "token": _opened(sealer, row.sealed_token) if row.sealed_token else None,
            "app": {"id": row.app_id, "private_key": _opened(sealer, row.sealed_app_key)} if row.app_id else None,
            "oauth": _oauth(sealer, row) if row.client_id else None,
            "webhook_secrets": tuple(_opened(sealer, one) for one in row.sealed_secrets),
            "scopes": tuple(scopes.get(row.id, ())),
        }
        for row in tx.execute(sa.select(c).where(c.c.leaving_at.is_(None)).order_by(c.c.slug))
    }


def _oauth(sealer: Sealer, row: sa.Row[Any]) -> Fields:
    return {"client_id": row.client_id, "client_secret": _opened(sealer, row.sealed_client_secret)}


def _key_results(tx: Transaction, email: Emails) -> dict[Key, Fields]:
    k, o = t.live_key_result, t.live_objective
    found = sa.select(k, o.c.slug.label("objective")).join(o, o.c.id == k.c.objective_id)
    names = (
        *("objective", "title", "weight", "position", "unit", "start", "target", "measure"),
        *("stay", "apply", "rolls_up", "cadence"),
    )
    ordered = found.order_by(o.c.position, o.c.id, k.c.position, k.c.id)
    return {row.slug: _pick(row, *names) | {"owner": email[row.owner_id]} for row in tx.execute(ordered)}


def _rules(tx: Transaction, email: Emails) -> dict[Key, Fields]:
    r, c, k = t.rule, t.live_connection, t.live_key_result
    found = (
        sa.select(r, c.c.slug.label("connection"), k.c.slug.label("key_result"))
        .join(c, c.c.id == r.c.connection_id)
        .join(k, k.c.id == r.c.key_result_id)
        .order_by(r.c.slug)
    )
    return {
        row.slug: _pick(row, "connection", "key_result", "query", "state")
        | {"owner": email[row.owner_id], "when": None if row.query else row.condition}
        for row in tx.execute(found)
    }


def read_links(tx: Transaction) -> dict[Key, Fields]:
    """Read the links by hand that files configure."""
    m, c, k = t.manual_link, t.live_connection, t.live_key_result
    found = (
        sa.select(m.c.key, m.c.weight, c.c.slug.label("connection"), k.c.slug.label("key_result"))
        .join(c, c.c.id == m.c.connection_id)
        .join(k, k.c.id == m.c.key_result_id)
        .where(m.c.kept_for_scope_id.is_(None))
        .order_by(k.c.slug, c.c.slug, m.c.key)
    )
    return {(row.key_result, row.connection, row.key): {"weight": row.weight} for row in tx.execute(found)}


def _opened(sealer: Sealer, sealed: str) -> str:
    """Decrypt a secret to compare it; one that no key decrypts equals nothing, so that it can be set again."""
    try:
        return sealer.decrypt(sealed)
    except DecryptionError:
        return f"lost: {sealed}"
