"""Checks of a connection: what we store of it, and what its connector finds at the tracker."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sync_service.domain.text import counted
from sync_service.domain.trackers.capabilities import ChangesRequest, ListsChanges
from sync_service.domain.trackers.connector import Connection, ConnectorError
from sync_service.domain.trackers.diagnostics import Finding, HasDiagnostics
from sync_service.domain.trackers.observations import ScopeSeen
from sync_service.runtime.wiring import Services
from sync_service.store.engine.database import database_now, reading
from sync_service.store.views.diagnostics import ConnectionDiagnostics, ScopeDiagnostics, diagnostics_of

_NO_SECRET = "give the connection webhook_secrets, the same as the tracker's webhook has, and apply it"  # noqa: S105 - says what to do

_TRIED_AGAIN = "it is tried again automatically; if it keeps failing, inform the tracker's operator"


def check_connection(services: Services, slug: str) -> Iterator[Finding]:
    """Yield the findings of one connection; call the tracker when there are credentials."""
    with reading(services.engine) as tx:
        held, now = diagnostics_of(tx, slug), database_now(tx)
    known = services.connections.named(slug)
    if held is None or known is None:
        yield Finding(what="connection", well=False, says="was removed just now")
        return
    yield from _stored_findings(held, now, has_credentials=known.view.has_credentials)
    connector = services.connectors.get(held.kind)
    yield from _renamed(held, known.view, connector, now)
    if connector is None:
        mend = "install the package that contains it, or remove the connection"
        yield Finding(what="kind", well=False, says=f"no connector of kind {held.kind} is installed", mend=mend)
    elif not known.view.has_credentials:
        says = "none: issues in doubt stay in doubt, and changes that no webhook delivered are not found"
        yield Finding(what="credentials", well=None, says=says)
    elif isinstance(connector, HasDiagnostics):
        names = [one.current_name for one in held.scopes]
        yield from connector.check_connection(known.view, scopes=names, hooked=held.has_secret)
    else:
        yield Finding(what="tracker", well=None, says=f"a connector of kind {held.kind} has no checks")


def _stored_findings(held: ConnectionDiagnostics, now: datetime, *, has_credentials: bool) -> Iterator[Finding]:
    if held.refused_at:
        says = f"refused since {_since(held.refused_at, now)}: {held.refused_reason}"
        yield Finding(what="connection", well=False, says=says, mend="see the finding about its credentials")
    if held.owner is None:
        mend = "give it an owner; until then all admins get the mail when it breaks"
        yield Finding(what="owner", well=None, says="it has no owner", mend=mend)
    yield _webhook(held, now, has_credentials=has_credentials)
    if held.rejected_at:
        yield _rejected(held, held.rejected_at, now)
    if not held.scopes:
        yield Finding(what="scopes", well=None, says="it watches no scope", mend="give it scopes, and apply it")
    for one in held.scopes:
        yield from _scope(one, has_credentials=has_credentials)
    for what, reason in held.incomplete:
        yield Finding(what=what, well=None, says=reason, mend=_TRIED_AGAIN)


def _webhook(held: ConnectionDiagnostics, now: datetime, *, has_credentials: bool) -> Finding:
    if not held.has_secret:
        well = None if has_credentials else False
        says = "no secret is set, so no delivery can be accepted" + ("; changes are polled" if has_credentials else "")
        return Finding(what="webhooks", well=well, says=says, mend=_NO_SECRET)
    if held.last_delivery_at is None:
        mend = "change an issue at the tracker, then look at its webhook's page and at our page Deliveries"
        return Finding(what="webhooks", well=None, says="no delivery was ever received", mend=mend)
    return Finding(what="webhooks", well=True, says=f"last delivery {_since(held.last_delivery_at, now)}")


def _rejected(held: ConnectionDiagnostics, at: datetime, now: datetime) -> Finding:
    """Report deliveries with a bad signature.

    If good deliveries arrive too, the secrets agree and somebody else sends here; otherwise the secrets probably
    differ.
    """
    rejected = counted(held.rejected, "delivery", "deliveries")
    says = f"{rejected} rejected for a wrong or missing signature, the last {_since(at, now)}"
    well = None if held.last_delivery_at and held.last_delivery_at > at - timedelta(days=1) else False
    mend = "compare the secrets of the tracker's webhook and of this connection; if equal, somebody else sends here"
    return Finding(what="signatures", well=well, says=says, mend=mend)


def _scope(one: ScopeDiagnostics, *, has_credentials: bool) -> Iterator[Finding]:
    if one.stopped and not one.gone:
        yield Finding(what=one.name, well=False, says=f"the last poll stopped: {one.stopped}", mend=_TRIED_AGAIN)
    if one.gone:
        mend = "make it visible at the tracker again, or remove it from the connection's scopes"
        yield Finding(what=one.name, well=False, says=one.gone, mend=mend)
    elif one.external_id is None and not has_credentials:
        mend = "check its name, and that a webhook of it leads here"
        yield Finding(what=one.name, well=None, says="no delivery from it yet", mend=mend)
    elif not one.covered:
        says = "is not imported yet: key results with issues from it are partly seen"
        unknown = "; check its name: neither a delivery nor a poll has named it yet" if one.external_id is None else ""
        yield Finding(what=one.name, well=None, says=says + unknown)
    elif one.external_id is None:
        says = "neither a delivery nor a poll has named it yet"
        yield Finding(what=one.name, well=None, says=says, mend="check its name")


def _renamed(
    held: ConnectionDiagnostics, connection: Connection, connector: object, now: datetime
) -> Iterator[Finding]:
    """Report scopes with a new name, and whether the tracker shows another scope by the old one."""
    for one in held.scopes:
        if one.external_id is None or one.name.casefold() == one.current_name.casefold():
            continue
        if isinstance(connector, ListsChanges) and _is_another(connector, connection, one, now):
            says = f"another one has this name now, and is ignored; the watched one is called {one.current_name}"
            mend = f"write {one.current_name} in place of {one.name}; write both names to watch both"
            yield Finding(what=one.name, well=False, says=says, mend=mend)
        else:
            mend = f"still watched; write {one.current_name} in the connection's scopes"
            yield Finding(what=one.name, well=None, says=f"its name is {one.current_name} now", mend=mend)


def _is_another(connector: ListsChanges, connection: Connection, one: ScopeDiagnostics, now: datetime) -> bool:
    """Return whether the tracker shows a scope with another id by the configured name."""
    if not connection.has_credentials:
        return False
    asked = ChangesRequest(name=one.name, id=None, since=now)
    try:
        page = connector.list_changes(connection, asked=asked, cursor=None)
    except ConnectorError:
        return False
    return any(isinstance(seen, ScopeSeen) and seen.scope.id != one.external_id for seen in page.observations)


def _since(at: datetime, now: datetime) -> str:
    """Return how long ago it was, roughly, and when."""
    ago = max(now - at, timedelta(0))
    if ago < timedelta(hours=1):
        text = f"{ago.seconds // 60} min ago"
    elif ago < timedelta(days=2):
        text = f"{ago // timedelta(hours=1)} h ago"
    else:
        text = f"{counted(ago.days, 'day')} ago"
    return f"{text} ({at:%Y-%m-%d %H:%M} UTC)"
