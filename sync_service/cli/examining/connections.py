"""What is found of a connection: what we hold of it ourselves, and what its connector finds at the tracker."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sync_service.domain.examining import Examines, Finding
from sync_service.store.database import database_now, reading
from sync_service.store.examined import ConnectionExamined, ScopeExamined, examined
from sync_service.wiring import House

_NO_SECRET = "give the connection webhook_secrets, the same as the tracker's webhook has, and apply it"  # noqa: S105 - says what to do


def connection_found(house: House, slug: str) -> Iterator[Finding]:
    """Look at one connection; the tracker is asked where there are credentials."""
    with reading(house.engine) as tx:
        held, now = examined(tx, slug), database_now(tx)
    known = house.connections.named(slug)
    if held is None or known is None:
        yield Finding(what="connection", well=False, says="was removed just now")
        return
    yield from _ours(held, now, has_credentials=known.view.has_credentials)
    connector = house.connectors.get(held.kind)
    if connector is None:
        mend = "install the package that brings it, or remove the connection"
        yield Finding(what="kind", well=False, says=f"no connector of kind {held.kind} is installed", mend=mend)
    elif not known.view.has_credentials:
        says = "none: what is in doubt stays so, and what no webhook brought is not found"
        yield Finding(what="credentials", well=None, says=says)
    elif isinstance(connector, Examines):
        names = [one.called for one in held.scopes]
        yield from connector.examine(known.view, scopes=names, hooked=held.has_secret)
    else:
        yield Finding(what="tracker", well=None, says=f"a connector of kind {held.kind} can't examine it")


def _ours(held: ConnectionExamined, now: datetime, *, has_credentials: bool) -> Iterator[Finding]:
    if held.refused_at:
        says = f"refused since {_since(held.refused_at, now)}: {held.refused_reason}"
        yield Finding(what="connection", well=False, says=says, mend="see what is found of its credentials")
    if held.owner is None:
        mend = "give it an owner; until then all admins are told when it breaks"
        yield Finding(what="owner", well=None, says="nobody owns it", mend=mend)
    yield _webhook(held, now, has_credentials=has_credentials)
    if held.forged_at:
        yield _forged(held, held.forged_at, now)
    if not held.scopes:
        yield Finding(what="scopes", well=None, says="it watches nothing", mend="give it scopes, and apply it")
    for one in held.scopes:
        yield from _scope(one, has_credentials=has_credentials)


def _webhook(held: ConnectionExamined, now: datetime, *, has_credentials: bool) -> Finding:
    if not held.has_secret:
        well = None if has_credentials else False
        says = "no secret is set, so none can be taken" + ("; changes are asked for" if has_credentials else "")
        return Finding(what="webhooks", well=well, says=says, mend=_NO_SECRET)
    if held.last_delivery_at is None:
        mend = "change an issue at the tracker, and see its webhook's page and ours, Deliveries"
        return Finding(what="webhooks", well=None, says="none was ever received", mend=mend)
    return Finding(what="webhooks", well=True, says=f"the last one came {_since(held.last_delivery_at, now)}")


def _forged(held: ConnectionExamined, at: datetime, now: datetime) -> Finding:
    """Tell secrets that differ from somebody else's knocking: where the secrets agree, good deliveries come too."""
    says = f"{held.forged} came with a wrong signature or none, the last one {_since(at, now)}"
    well = None if held.last_delivery_at and held.last_delivery_at > at - timedelta(days=1) else False
    mend = "do the secrets of the tracker's webhook and of this connection agree? If so, somebody else knocks"
    return Finding(what="signatures", well=well, says=says, mend=mend)


def _scope(one: ScopeExamined, *, has_credentials: bool) -> Iterator[Finding]:
    if one.gone:
        mend = "let the tracker show it again, or take it out of the connection's scopes"
        yield Finding(what=one.name, well=False, says=one.gone, mend=mend)
    elif not one.heard and not has_credentials:
        mend = "is its name right, and does a webhook of it lead here?"
        yield Finding(what=one.name, well=None, says="was never heard of", mend=mend)
    elif not one.covered:
        yield Finding(what=one.name, well=None, says="is not imported yet: what reaches it is partly seen")


def _since(at: datetime, now: datetime) -> str:
    """Say how long ago it was, roughly, and when."""
    ago = max(now - at, timedelta(0))
    if ago < timedelta(hours=1):
        said = f"{ago.seconds // 60} min ago"
    elif ago < timedelta(days=2):
        said = f"{ago // timedelta(hours=1)} h ago"
    else:
        said = f"{ago.days} days ago"
    return f"{said} ({at:%Y-%m-%d %H:%M} UTC)"
