"""Create a connection: by app, by token (tested at once), by OAuth consent, or with a webhook only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from sync_service.config_file.edit.edit_connection import ConnectionFields, secret_reference
from sync_service.config_file.read.errors import InvalidFiles
from sync_service.domain.trackers.capabilities import (
    CreatesWebhooks,
    HasSetupGuide,
    ListsChanges,
    ListsScopes,
    RegistersApps,
    SupportsOAuth,
)
from sync_service.domain.trackers.connector import Connection, Connector, ConnectorError
from sync_service.domain.trackers.write_back import WritesBack
from sync_service.store.engine.database import reading
from sync_service.store.views.rules import connection_choices, owner_choices
from sync_service.web.connections import reveal_once
from sync_service.web.connections.bounded_calls import call_with_timeout
from sync_service.web.connections.shared import (
    RESERVED,
    connector_of,
    editing,
    field_of,
    hook_url,
    new_secret,
    save,
    scopes_in,
)
from sync_service.web.connections.site_check import SETTING, BadSite, check_site
from sync_service.web.request.context import public_url, services
from sync_service.web.request.guards import Guard, current_caller, guarded

blueprint = Blueprint("connections_new", __name__, url_prefix="/connections/new")

METHODS: Mapping[str, tuple[type, ...]] = {
    "app": (HasSetupGuide, RegistersApps, ListsScopes),
    "token": (HasSetupGuide, ListsScopes),
    "consent": (HasSetupGuide, SupportsOAuth, ListsScopes),
    "hand": (HasSetupGuide,),
}
"""The ways to connect, easiest first, each with the connector protocols that it needs."""


@dataclass(slots=True, kw_only=True)
class Draft:
    """The submitted form without secrets; `errors` has the errors by field, general ones under an empty name."""

    kind: str
    slug: str
    site: str
    owner: str = ""
    earlier: str = "ignore"
    scopes: str = ""
    options: dict[str, str] = field(default_factory=dict)
    organization: str = ""
    name: str = ""
    write_back: bool = False
    errors: dict[str, str] = field(default_factory=dict)

    def written(self) -> dict[str, object]:
        """Return the connection as in a configuration file, without credentials and secrets."""
        common: dict[str, object] = {"slug": self.slug, "kind": self.kind, "site": self.site, "earlier": self.earlier}
        if self.owner:
            common["owner"] = self.owner
        if self.write_back:
            common["write_back"] = True
        return common | {name: value for name, value in self.options.items() if value}


def methods_of(connector: Connector) -> list[str]:
    """Return the ways to connect that a connector supports."""
    return [method for method, needed in METHODS.items() if all(isinstance(connector, one) for one in needed)]


@blueprint.get("")
@guarded(Guard.ADMIN)
def choose() -> ResponseReturnValue:
    """Show the ways to connect each tracker."""
    found = [(kind, connector, methods_of(connector)) for kind, connector in services().connectors.items()]
    return render_template("connection_new.html", trackers=[one for one in found if one[2]])


@blueprint.get("/<kind>/<method>")
@guarded(Guard.ADMIN)
def begin(kind: str, method: str) -> ResponseReturnValue:
    """Show the form of one way to connect."""
    connector = _connector(kind, method)
    caller = current_caller()
    with reading(services().engine) as tx:
        taken = {one.name.casefold() for one in connection_choices(tx)}
    imports = method != "hand" and isinstance(connector, ListsChanges)
    drafted = Draft(
        kind=kind,
        slug=_free_name(kind, taken),
        site=connector.default_site or "",
        owner=(caller.email if caller else None) or "",
        earlier="import" if imports else "ignore",
        name="OKR Sync",
    )
    return show(drafted, method)


def _free_name(kind: str, taken: set[str]) -> str:
    return next(name for name in (kind, *(f"{kind}-{number}" for number in range(2, 10_000))) if name not in taken)


def _connector(kind: str, method: str) -> Connector:
    connector = connector_of(kind)
    if method not in methods_of(connector):
        connector_of("")  # aborts with 404
    return connector


def show(drafted: Draft, method: str, status: int = 200) -> ResponseReturnValue:
    """Show a draft's form."""
    connector = connector_of(drafted.kind)
    with reading(services().engine) as tx:
        owners = owner_choices(tx)
    return (
        render_template(
            "connection_form.html",
            draft=drafted,
            method=method,
            connector=connector,
            owners=owners,
            lists=isinstance(connector, ListsChanges),
            writes=isinstance(connector, WritesBack),
            texts=[
                option
                for option in connector.options
                if option.form == "text" and not (option.for_token and method != "token")
            ],
            hooks_at=hook_url(drafted.slug),
            back=public_url("connections_consents.consented", kind=drafted.kind),
        ),
        status,
    )


def read_draft(kind: str, connector: Connector) -> Draft:
    """Return the submitted form as a draft. The connector turns the typed site into its API address."""
    form = request.form
    typed = form.get("site", "").strip() or connector.default_site or ""
    return Draft(
        kind=kind,
        slug=form.get("slug", "").strip(),
        site=connector.normalize_site(typed) if isinstance(connector, HasSetupGuide) else typed,
        owner=form.get("owner", ""),
        earlier="import" if form.get("earlier") == "import" else "ignore",
        scopes=form.get("scopes", ""),
        options={
            option.name: form.get(option.name, "").strip() for option in connector.options if option.form == "text"
        },
        organization=form.get("organization", "").strip(),
        name=" ".join(form.get("name", "").split()),
        write_back="write_back" in form and isinstance(connector, WritesBack),
    )


def check(drafted: Draft, *, resolve: bool = True) -> None:
    """Validate a draft before any tracker call: invalid fields, a taken slug, a site that must not be called.

    Pass `resolve` False where nothing will be called.
    """
    with reading(services().engine) as tx:
        taken = {one.name.casefold() for one in connection_choices(tx)}
    try:
        editing().check({**drafted.written(), "earlier": "ignore", "write_back": False})
    except InvalidFiles as error:
        note(drafted, error)
    if drafted.slug.casefold() in taken:
        drafted.errors["slug"] = "another connection has this name"
    elif drafted.slug in RESERVED:
        drafted.errors["slug"] = f"{drafted.slug} is reserved"
    for name, address in {"site": drafted.site, **addresses_in(drafted.options)}.items():
        wrong = wrong_address(address, resolve=resolve)
        if wrong:
            drafted.errors[name] = wrong


def addresses_in(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the options that are addresses: they are called like a site, and need the same checks."""
    return {name: value for name, value in options.items() if isinstance(value, str) and is_address(value)}


def is_address(value: str) -> bool:
    """Return whether a text looks like a URL, also in an unusual spelling."""
    return "://" in value or value.strip().lower().startswith(("http:", "https:"))


def wrong_address(address: str, *, resolve: bool = True) -> str | None:
    """Return why an address must not be called, or None; see `check_site`."""
    settings = services().settings
    try:
        call_with_timeout(
            lambda: check_site(
                address, base_url=settings.base_url, allow_private=settings.allow_private_sites, resolve=resolve
            )
        )
    except BadSite as error:
        text = str(error)
        return text if SETTING in text or "found" in text else f"it must be {text}"
    except ConnectorError as error:
        return str(error)
    return None


def note(drafted: Draft, error: InvalidFiles) -> None:
    """Copy the errors of an edit to the fields of the form."""
    for one in error.errors:
        drafted.errors.setdefault(field_of(one.field), f"found {one.found}; allowed: {one.allowed}")


def store(drafted: Draft, written: ConnectionFields, secrets: Mapping[str, str]) -> bool:
    """Save a new connection; return whether it was saved, else add its errors to the draft."""
    try:
        save(lambda editing: editing.create(written, secrets))
    except InvalidFiles as error:
        note(drafted, error)
        return False
    return True


@blueprint.post("/<kind>/hand")
@guarded(Guard.ADMIN)
def by_webhook_only(kind: str) -> ResponseReturnValue:
    """Create a connection with a webhook only; its page shows the values to paste at the tracker."""
    connector = _connector(kind, "hand")
    drafted = read_draft(kind, connector)
    drafted.earlier = "ignore"
    check(drafted, resolve=False)
    made = new_secret()
    written = {**drafted.written(), "scopes": scopes_in(drafted.scopes), "webhook_secrets": [secret_reference("MADE")]}
    if drafted.errors or not store(drafted, written, {"MADE": made}):
        return show(drafted, "hand", 422)
    reveal_once.store_secret(drafted.slug, made, show=True)
    return redirect(url_for("connections.show", slug=drafted.slug))


@blueprint.post("/<kind>/token")
@guarded(Guard.ADMIN)
def by_token(kind: str) -> ResponseReturnValue:
    """Test a token and create a connection with it; the scopes are chosen on the next page."""
    connector = _connector(kind, "token")
    drafted = read_draft(kind, connector)
    token = request.form.get("token", "").strip()
    check(drafted)
    if not drafted.errors:
        wrong = credentials_error(connector, probe_of(drafted, token)) if token else "paste the token"
        if wrong:
            drafted.errors["token"] = wrong
    made = new_secret()
    written = {**drafted.written(), "token": secret_reference("TOKEN"), "webhook_secrets": [secret_reference("MADE")]}
    if drafted.errors or not store(drafted, written, {"MADE": made, "TOKEN": token}):
        return show(drafted, "token", 422)
    reveal_once.store_secret(drafted.slug, made, show=not isinstance(connector, CreatesWebhooks))
    return redirect(url_for("connections_scopes.choose", slug=drafted.slug))


@blueprint.post("/<kind>/consent")
@guarded(Guard.ADMIN)
def by_consent(kind: str) -> ResponseReturnValue:
    """Create a connection with an OAuth app; a person consents on the next page."""
    connector = _connector(kind, "consent")
    drafted = read_draft(kind, connector)
    client_id, client_secret = (request.form.get(name, "").strip() for name in ("client_id", "client_secret"))
    check(drafted)
    for name, value in (("client_id", client_id), ("client_secret", client_secret)):
        if not value:
            drafted.errors[name] = "paste it from the page of the OAuth app"
    oauth = {"client_id": client_id, "client_secret": secret_reference("CLIENT")}
    if drafted.errors or not store(drafted, {**drafted.written(), "oauth": oauth}, {"CLIENT": client_secret}):
        return show(drafted, "consent", 422)
    return redirect(url_for("connections.show", slug=drafted.slug, _anchor="consent"))


def probe_of(drafted: Draft, token: str) -> Connection:
    """Return an unsaved connection, to test a token with."""
    options = {name: value for name, value in drafted.options.items() if value}
    return Connection(slug=drafted.slug, site=drafted.site, token=token, options=options)


def credentials_error(connector: Connector, connection: Connection) -> str | None:
    """Test credentials; return what is wrong with them, or None."""
    if not isinstance(connector, ListsScopes):
        return None
    try:
        call_with_timeout(lambda: connector.identify(connection))
    except ConnectorError as error:
        return str(error)
    return None
