"""What the pages about connections share: finding one, asking its tracker briefly, and saving an edit."""

import hmac
import secrets
from collections.abc import Callable, Sequence
from typing import TypeVar

from flask import abort, flash

from sync_service.apply.applying import Applying, Plan
from sync_service.apply.editing import Editing, NoConnection
from sync_service.apply.mistakes import WrongFiles
from sync_service.domain.connectors import Connector
from sync_service.store.connection_pages import ConnectionPage, connection_pages
from sync_service.store.connections import Configured
from sync_service.store.database import reading
from sync_service.web import words
from sync_service.web.guards import who
from sync_service.web.house import house, ring

T = TypeVar("T")

RESERVED = ("new",)
"""Names that stand for something else in the addresses of these pages."""

MOST_SCOPES = 2000
"""Scopes that one form may name."""


def find(slug: str) -> ConnectionPage:
    """Give a connection's page, or answer that there is none."""
    with reading(house().engine) as tx:
        found = connection_pages(tx, slug=slug)
    if not found:
        abort(404, f"There is no connection {slug}.")
    return found[0]


def configured(slug: str) -> Configured:
    """Give a connection with its secrets, as it now stands, or answer that there is none."""
    house().connections.forget()
    found = house().connections.named(slug)
    if found is None:
        abort(404, f"There is no connection {slug}.")
    return found


def connector_of(kind: str) -> Connector:
    """Give the connector of a kind, or answer that there is none."""
    found = house().connectors.get(kind)
    if found is None:
        abort(404, f"There is no connector {kind}.")
    return found


def whatever_connects(kind: str) -> object:
    """Give the connector of a kind, to see what it is able to do; None where its package is no longer there."""
    return house().connectors.get(kind)


def able(kind: str, ability: type[T]) -> T:
    """Give the connector of a kind as something that it must be able to do, or answer that it is not."""
    found = connector_of(kind)
    if not isinstance(found, ability):
        abort(404, f"{found.title} can't be connected that way.")
    return found


def hook_url(slug: str) -> str:
    """Give the address that a connection's webhooks go to."""
    return house().connections.hook_url(slug)


def new_secret() -> str:
    """Make a webhook secret."""
    return secrets.token_urlsafe(32)


def mark_of(secret: str) -> str:
    """Give a mark by which a secret is recognised and not read."""
    return hmac.digest(house().sealer.derive("marks of secrets").encode(), secret.encode(), "sha256").hex()[:24]


def editing() -> Editing:
    """Give what changes connections, in the name of who is calling."""
    caller = who()
    joined = house()
    return Editing(
        Applying(
            engine=joined.engine,
            sealer=joined.sealer,
            connectors=joined.connectors,
            environment={},
            zone=joined.settings.zone,
            now=joined.now,
            actor=(caller.email or caller.name) if caller else "",
            occasion="changed on the page Connections",
        )
    )


def save(change: Callable[[Editing], Plan]) -> Plan:
    """Save an edit, say what people should know about it, and let what follows happen soon. Raises `WrongFiles`."""
    try:
        plan = change(editing())
    except NoConnection as error:
        abort(404, f"{str(error).capitalize()}.")
    house().connections.forget()
    edited = tuple(f"connection {one.key}{after}" for one in plan.changes for after in (" ", ":"))
    for warning in plan.warnings:
        if warning.startswith(edited):
            flash(words.sentence(warning), "warning")
    ring("relink", "recompute", "rule_revision", "poll")
    return plan


def tried(change: Callable[[Editing], Plan], said: str) -> bool:
    """Save an edit and say that it is done, or what is wrong with it; tell whether it was saved."""
    try:
        plan = save(change)
    except WrongFiles as error:
        for said_of_it in mistaken(error):
            flash(said_of_it, "error")
        return False
    flash(said if plan.changes else "There was nothing to change.", "success")
    return True


def mistaken(error: WrongFiles) -> list[str]:
    """Say mistakes to who made them on a page, where there is neither file nor line."""
    return [
        f"{field_of(one.field).replace('_', ' ')}: found {one.found}; allowed: {one.allowed}" for one in error.mistakes
    ]


def field_of(way: str) -> str:
    """Give the name of the field at a way in the file: `connections[0].scopes[1]` is about `scopes`."""
    return way.removeprefix("connections[0].").partition("[")[0].partition(".")[0]


def scopes_in(typed: str, chosen: Sequence[str] = ()) -> list[str]:
    """Read scopes: those chosen, and those typed on lines or with commas between; each once."""
    written = [*chosen, *typed.replace(",", "\n").splitlines()]
    named = dict.fromkeys(" ".join(one.split()) for one in written)
    return [one for one in named if one][:MOST_SCOPES]
