"""Helpers of the connection pages: find a connection or connector, and save an edit."""

import hmac
import secrets
from collections.abc import Callable, Sequence
from typing import TypeVar

from flask import abort, flash

from sync_service.config_file.plan.apply import Applying, Plan
from sync_service.config_file.plan.edit_connection import Editing, NoConnection
from sync_service.config_file.read.errors import WrongFiles
from sync_service.domain.trackers.connector import Connector
from sync_service.store.engine.database import reading
from sync_service.store.trackers.connections import Configured
from sync_service.store.views.connections import ConnectionPage, connection_pages
from sync_service.web.pages import formats
from sync_service.web.request.context import house, ring
from sync_service.web.request.guards import who

T = TypeVar("T")

RESERVED = ("new",)
"""Slugs that our own URLs use."""

MOST_SCOPES = 2000
"""Maximum scopes in one form."""


def find(slug: str) -> ConnectionPage:
    """Return what the page shows of a connection; abort with 404 when there is none."""
    with reading(house().engine) as tx:
        found = connection_pages(tx, slug=slug)
    if not found:
        abort(404, f"There is no connection {slug}.")
    return found[0]


def configured(slug: str) -> Configured:
    """Return a connection with its secrets, read fresh from the database; abort with 404 when there is none."""
    house().connections.forget()
    found = house().connections.named(slug)
    if found is None:
        abort(404, f"There is no connection {slug}.")
    return found


def connector_of(kind: str) -> Connector:
    """Return the connector of a kind; abort with 404 when there is none."""
    found = house().connectors.get(kind)
    if found is None:
        abort(404, f"There is no connector {kind}.")
    return found


def whatever_connects(kind: str) -> object:
    """Return the connector of a kind, for capability checks; None when it is not installed."""
    return house().connectors.get(kind)


def able(kind: str, ability: type[T]) -> T:
    """Return the connector of a kind if it implements a protocol; else abort with 404."""
    found = connector_of(kind)
    if not isinstance(found, ability):
        abort(404, f"{found.title} can't be connected that way.")
    return found


def hook_url(slug: str) -> str:
    """Return the webhook URL of a connection."""
    return house().connections.hook_url(slug)


def new_secret() -> str:
    """Return a new random webhook secret."""
    return secrets.token_urlsafe(32)


def mark_of(secret: str) -> str:
    """Return a keyed hash of a secret, to recognise it without showing it."""
    return hmac.digest(house().sealer.derive("marks of secrets").encode(), secret.encode(), "sha256").hex()[:24]


def editing() -> Editing:
    """Return the editor of connections, acting for the caller."""
    caller = who()
    current = house()
    return Editing(
        Applying(
            engine=current.engine,
            sealer=current.sealer,
            connectors=current.connectors,
            environment={},
            zone=current.settings.zone,
            now=current.now,
            actor=(caller.email or caller.name) if caller else "",
            occasion="changed on the page Connections",
        )
    )


def save(change: Callable[[Editing], Plan]) -> Plan:
    """Save an edit, flash its warnings, and wake workers for the follow-up rows. Raise `WrongFiles`."""
    try:
        plan = change(editing())
    except NoConnection as error:
        abort(404, f"{str(error).capitalize()}.")
    house().connections.forget()
    edited = tuple(f"connection {one.key}{after}" for one in plan.changes for after in (" ", ":"))
    for warning in plan.warnings:
        if warning.startswith(edited):
            flash(formats.sentence(warning), "warning")
    ring("relink", "recompute", "rule_revision", "poll")
    return plan


def tried(change: Callable[[Editing], Plan], message: str) -> bool:
    """Save an edit; flash the message, or its errors; return whether it was saved."""
    try:
        plan = save(change)
    except WrongFiles as error:
        for text in error_texts(error):
            flash(text, "error")
        return False
    flash(message if plan.changes else "Nothing to change.", "success")
    return True


def error_texts(error: WrongFiles) -> list[str]:
    """Return the errors of an edit as texts for a page: without file and line."""
    return [
        f"{field_of(one.field).replace('_', ' ')}: found {one.found}; allowed: {one.allowed}" for one in error.mistakes
    ]


def field_of(path: str) -> str:
    """Return the field name in a path of the file: `scopes` for `connections[0].scopes[1]`."""
    return path.removeprefix("connections[0].").partition("[")[0].partition(".")[0]


def scopes_in(typed: str, chosen: Sequence[str] = ()) -> list[str]:
    """Return the chosen and typed scopes, without duplicates; typed ones are separated by lines or commas."""
    written = [*chosen, *typed.replace(",", "\n").splitlines()]
    named = dict.fromkeys(" ".join(one.split()) for one in written)
    return [one for one in named if one][:MOST_SCOPES]
