"""Ask a tracker about a query while a person waits: never in a transaction, never past a rate limit.

Nothing is saved but what every call saves: until when a rate limit blocks calls, and that credentials are refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Engine

from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.trackers.connector import (
    Connection,
    Connector,
    ConnectorError,
    Refused,
    Rejected,
    Unavailable,
)
from sync_service.domain.trackers.queries import AnswersQueries, Asked, EvaluatesQueries, QueryReply
from sync_service.progress.previews.query_preview import QueryEdit, TriedQuery, preview_query
from sync_service.progress.rules.query_edits import QueryRejected, query_of_version, query_to_begin
from sync_service.store.engine.database import reading, writing
from sync_service.store.queue import scheduled_tasks
from sync_service.store.tables import query_listing
from sync_service.store.trackers import connections
from sync_service.store.trackers.connections import Configured, Connections
from sync_service.store.views.rule_details import rights
from sync_service.tracker_sync.call_policy import CallPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAsker:
    """Asks trackers about queries. Makes no network call inside a transaction."""

    engine: Engine
    connectors: Mapping[str, Connector]
    connections: Connections
    now: Callable[[], datetime]

    def preview(self, edit: QueryEdit) -> TriedQuery:
        """Ask about the query of an edit, then compute what saving it would do."""
        reply = self.ask(self.connections.of(edit.connection_id), edit.query)
        if reply.answer is None:
            return TriedQuery(reply=reply)
        with reading(self.engine) as tx:
            return TriedQuery(reply=reply, preview=preview_query(tx, edit, reply.answer, now=self.now()))

    def ask_named(self, slug: str, query: str) -> QueryReply | None:
        """Ask the tracker of a connection, given by its slug; return None when there is no such connection."""
        connection = self.connections.named(slug)
        return self.ask(connection, query) if connection else None

    def check_state(self, slug: str, state: RuleState, *, role: str, person_id: int | None) -> QueryReply | None:
        """Ask about the query of a rule that begins to link or propose; None where there is no need.

        Raise as `read_edit` does, before any tracker is asked.
        """
        with reading(self.engine) as tx:
            writer = rights.writer(tx, role=role, person_id=person_id)
            edit = query_to_begin(tx, slug, state, writer=writer, now=self.now())
        return self._check(edit)

    def check_version(self, slug: str, number: int, *, role: str, person_id: int | None) -> QueryReply | None:
        """Ask about the query that a rule had in a version, as `check_state` does."""
        with reading(self.engine) as tx:
            writer = rights.writer(tx, role=role, person_id=person_id)
            edit = query_of_version(tx, slug, number, writer=writer, now=self.now())
        return self._check(edit)

    def _check(self, edit: QueryEdit | None) -> QueryReply | None:
        """Ask about an edit. Raise `QueryRejected` with the tracker's words when it rejects the query."""
        if edit is None:
            return None
        reply = self.ask(self.connections.of(edit.connection_id), edit.query)
        if reply.outcome is Asked.REJECTED:
            raise QueryRejected(reply.words)
        return reply

    def ask(self, connection: Configured, query: str) -> QueryReply:
        """Ask the tracker of a connection about a query; return what became of it."""
        connector, view = self.connectors[connection.kind], connection.view
        if not (isinstance(connector, EvaluatesQueries) and isinstance(connector, AnswersQueries)):
            return QueryReply(outcome=Asked.IMPOSSIBLE, words=f"{connector.title} can't be asked about queries")
        try:
            connector.check_query(Connection(slug=view.slug, site=view.site), query=query)  # makes no call
            if not view.has_credentials:
                words = f"without credentials {connector.title} can't be asked"
                return QueryReply(outcome=Asked.IMPOSSIBLE, words=words)
            return self._ask(connection, connector, query)
        except Rejected as error:
            return QueryReply(outcome=Asked.REJECTED, words=str(error))

    def _ask(self, connection: Configured, connector: Connector, query: str) -> QueryReply:
        """Ask, unless calls are blocked now. Raise `Rejected` for a query that can't be used."""
        assert isinstance(connector, EvaluatesQueries)
        assert isinstance(connector, AnswersQueries)
        if connection.refused:
            return QueryReply(outcome=Asked.REFUSED, words=connection.refused)
        with reading(self.engine) as tx:
            scopes = scheduled_tasks.watched_scopes(tx, connection.id)
        policy = CallPolicy(engine=self.engine, table=query_listing, now=self.now)
        bucket = connector.query_bucket(connection.view, query=query, scopes=scopes)
        if wait := policy.blocked_for(connection, bucket):
            words = f"{connector.title} limits the rate of calls, or can't answer now"
            return QueryReply(outcome=Asked.NOT_NOW, words=words, retry_at=self.now() + wait)
        try:
            answer = connector.ask_query(connection.view, query=query, scopes=scopes)
        except Rejected:
            raise
        except Unavailable as error:
            if error.retry_at:  # a time limit of ours says nothing about other calls
                policy.block(connection, error, attempts=1)
            return QueryReply(outcome=Asked.NOT_NOW, words=str(error), retry_at=error.retry_at)
        except ConnectorError as error:
            if isinstance(error, Refused):
                self._note_refused(connection, error)
            return QueryReply(outcome=Asked.REFUSED, words=str(error))
        return QueryReply(outcome=Asked.ANSWERED, answer=answer)

    def _note_refused(self, connection: Configured, error: Refused) -> None:
        """Mark the connection, so that nobody asks on with credentials that are refused."""
        with writing(self.engine) as tx:
            connections.refuse(tx, connection.id, reason=str(error))
