"""Read a rule's query as somebody wants to try it: what it names, and whether they may save such a rule.

Checked before the tracker is asked: nobody who may not write rules makes us call it.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.rules.rights import Writer, why_not
from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.trackers.queries import Asked, QueryReply
from sync_service.progress.previews.query_preview import QueryEdit
from sync_service.progress.rules.editor import NotAllowed, Refused, Unknown
from sync_service.store.okrs import rule_versions
from sync_service.store.tables import live_connection, live_key_result, rule
from sync_service.store.views.rule_details import rights


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryToTry:
    """A query as people write it. With a `rule`, what is left out is as that rule has it."""

    rule: str | None = None
    connection: str | None = None
    key_result: str | None = None
    query: str | None = None


def read_edit(tx: Transaction, written: QueryToTry, *, writer: Writer, now: datetime) -> QueryEdit:
    """Return the edit that is meant.

    Raise `Unknown` when it names something that is not there, `NotAllowed` when the person may not save such a rule,
    even as a draft, and `Refused` when it is not complete or counts toward a closed cycle.
    """
    edit = _edit(tx, written)
    target = rights.target(tx, edit.key_result_id, now)
    if reason := why_not(writer, [target.toward(RuleState.DRAFT)]):
        raise NotAllowed(reason)
    if target.closed is not None:
        raise Refused(
            f"the numbers of {target.slug} are final: its cycle {target.closed} is closed; choose one of another cycle"
        )
    return edit


class QueryRejected(Refused):
    """The tracker rejects the query. The message is the tracker's."""


NOT_ASKED = "The tracker could not be asked about its query now ({words}); it is checked when it is listed."
"""The note about a rule that is saved although nobody could say whether its query is valid."""


def note_of(reply: QueryReply | None) -> str:
    """Return what to tell a person who saved a rule; empty when there is nothing to say."""
    if reply is None or reply.outcome in (Asked.ANSWERED, Asked.IMPOSSIBLE):
        return ""
    return NOT_ASKED.format(words=reply.words)


def query_to_begin(tx: Transaction, slug: str, state: RuleState, *, writer: Writer, now: datetime) -> QueryEdit | None:
    """Return the query of a rule that would begin to link or propose; None where its tracker needs not be asked.

    Raise as `read_edit` does.
    """
    known = tx.execute(sa.select(rule).where(rule.c.slug == slug)).one_or_none()
    if known is None or not known.query or not state.matches or RuleState(known.state).matches:
        return None
    return read_edit(tx, QueryToTry(rule=slug), writer=writer, now=now)


def query_of_version(tx: Transaction, slug: str, number: int, *, writer: Writer, now: datetime) -> QueryEdit | None:
    """Return the query that a rule had in a version, if it linked or proposed then. Raise as `read_edit` does."""
    found = next((one for one in rule_versions.read(tx, slug) if one.number == number), None)
    written = found.definition if found else None
    if not written or not written["query"] or not RuleState(written["state"]).matches:
        return None
    named = {name: written[name] for name in ("connection", "key_result", "query")}
    return read_edit(tx, QueryToTry(**named), writer=writer, now=now)


def _edit(tx: Transaction, written: QueryToTry) -> QueryEdit:
    known = None
    if written.rule:
        known = tx.execute(sa.select(rule).where(rule.c.slug == written.rule)).one_or_none()
        if known is None:
            raise Unknown(f"there is no rule {written.rule}")
    query = (written.query or "").strip() or (known.query if known else None)
    if not query:
        raise Refused("there is no query to ask about")
    connection_id = known.connection_id if known else None
    if written.connection:
        connection_id = _id(tx, live_connection, "connection", written.connection)
    key_result_id = known.key_result_id if known else None
    if written.key_result:
        key_result_id = _id(tx, live_key_result, "key result", written.key_result)
    if connection_id is None or key_result_id is None:
        raise Refused(f"name the {'key result' if connection_id is not None else 'connection'}, too")
    slug = known.slug if known else None
    return QueryEdit(slug=slug, connection_id=connection_id, key_result_id=key_result_id, query=query)


def _id(tx: Transaction, table: sa.FromClause, kind: str, slug: str) -> int:
    found: int | None = tx.scalar(sa.select(table.c.id).where(table.c.slug == slug))
    if found is None:
        raise Unknown(f"there is no {kind} {slug}")
    return found
