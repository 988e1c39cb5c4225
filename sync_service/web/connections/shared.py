"""Helpers of the connection pages: find a connection or connector, and save an edit."""

import hmac
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from flask import abort, flash

from sync_service.config_file.edit.edit_connection import ConnectionEditor, NoConnection
from sync_service.config_file.plan.apply import ConfigApplier, Plan
from sync_service.config_file.read.errors import InvalidFiles
from sync_service.domain.text import sentence
from sync_service.domain.trackers.connector import Connector, read_scope
from sync_service.store.engine.database import reading
from sync_service.store.trackers.connections import Configured
from sync_service.store.views.connections import ConnectionPage, connection_pages
from sync_service.web.request.audit_log import actor
from sync_service.web.request.context import services, wake

T = TypeVar("T")

RESERVED = ("new",)
"""Slugs that our own URLs use."""

MOST_SCOPES = 2000
"""Maximum scopes in one form."""


def find(slug: str) -> ConnectionPage:
    """Return what the page shows of a connection; abort with 404 when there is none."""
    with reading(services().engine) as tx:
        found = connection_pages(tx, slug=slug)
    if not found:
        abort(404, f"There is no connection {slug}.")
    return found[0]


def configured(slug: str) -> Configured:
    """Return a connection with its secrets, read fresh from the database; abort with 404 when there is none."""
    services().connections.clear_cache()
    found = services().connections.named(slug)
    if found is None:
        abort(404, f"There is no connection {slug}.")
    return found


def connector_of(kind: str) -> Connector:
    """Return the connector of a kind; abort with 404 when there is none."""
    found = services().connectors.get(kind)
    if found is None:
        abort(404, f"There is no connector {kind}.")
    return found


def installed_connector(kind: str) -> object:
    """Return the connector of a kind, for capability checks; None when it is not installed."""
    return services().connectors.get(kind)


def connector_with(kind: str, ability: type[T]) -> T:
    """Return the connector of a kind if it implements a protocol; else abort with 404."""
    found = connector_of(kind)
    if not isinstance(found, ability):
        abort(404, f"{found.title} can't be connected that way.")
    return found


def hook_url(slug: str) -> str:
    """Return the webhook URL of a connection."""
    return services().connections.hook_url(slug)


def new_secret() -> str:
    """Return a new random webhook secret."""
    return secrets.token_urlsafe(32)


def secret_fingerprint(secret: str) -> str:
    """Return a keyed hash of a secret, to recognise it without showing it."""
    return hmac.digest(services().sealer.derive("marks of secrets").encode(), secret.encode(), "sha256").hex()[:24]


def editing() -> ConnectionEditor:
    """Return the editor of connections, acting for the caller."""
    text = "changed on the page Connections"
    return ConnectionEditor(ConfigApplier.of(services(), actor=actor(), audit_text=text))


def save(change: Callable[[ConnectionEditor], Plan]) -> Plan:
    """Save an edit, flash its warnings, and wake workers for the follow-up rows. Raise `InvalidFiles`."""
    try:
        plan = change(editing())
    except NoConnection as error:
        abort(404, f"{str(error).capitalize()}.")
    services().connections.clear_cache()
    edited = tuple(f"connection {one.key}{after}" for one in plan.changes for after in (" ", ":"))
    for warning in plan.warnings:
        if warning.startswith(edited):
            flash(sentence(warning), "warning")
    wake("relink_request", "recompute", "rule_revision", "poll")
    return plan


def save_and_flash(change: Callable[[ConnectionEditor], Plan], message: str) -> bool:
    """Save an edit; flash the message, or its errors; return whether it was saved."""
    try:
        plan = save(change)
    except InvalidFiles as error:
        for text in error_texts(error):
            flash(text, "error")
        return False
    flash(message if plan.changes else "Nothing to change.", "success")
    return True


def error_texts(error: InvalidFiles) -> list[str]:
    """Return the errors of an edit as texts for a page: without file and line."""
    return [
        f"{field_of(one.field).replace('_', ' ')}: found {one.found}; allowed: {one.allowed}" for one in error.errors
    ]


def field_of(path: str) -> str:
    """Return the field name in a path of the file: `scopes` for `connections[0].scopes[1]`."""
    return path.removeprefix("connections[0].").partition("[")[0].partition(".")[0]


def scopes_in(typed: str, chosen: Sequence[str] = ()) -> list[str]:
    """Return the chosen and typed scopes, without duplicates; typed ones are separated by lines or commas."""
    written = [*chosen, *typed.replace(",", "\n").splitlines()]
    named = dict.fromkeys(" ".join(one.split()) for one in written)
    return [one for one in named if one][:MOST_SCOPES]


def read_scopes(one: ConnectionPage, written: Sequence[str]) -> list[str]:
    """Return the names of scopes that a person wrote, without duplicates; what can't be a scope stays as written."""
    connector = installed_connector(one.kind)
    names: dict[str, str] = {}
    for text in written:
        with suppress(ValueError):  # saving it reports what is allowed
            text = read_scope(connector, text, site=one.site)  # noqa: PLW2901  read, or kept
        names.setdefault(text.casefold(), text)
    return list(names.values())
