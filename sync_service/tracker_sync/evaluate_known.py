"""Evaluate a query here, for the issues that we know, where it can't be listed because there are no credentials."""

from typing import Any

from sqlalchemy.engine import Row

from sync_service.domain.rules.relink_reasons import RelinkReason
from sync_service.domain.trackers.connector import Rejected
from sync_service.domain.trackers.queries import EvaluatesQueries
from sync_service.store.engine.database import database_now, reading, retry_on_conflict, writing
from sync_service.store.okrs import query_listings
from sync_service.store.queue import due
from sync_service.store.tables import query_listing
from sync_service.store.trackers import issues
from sync_service.store.trackers.connections import Configured
from sync_service.tracker_sync.call_policy import LEASE
from sync_service.tracker_sync.match_queries import QueryMatcher, as_candidates, match, record_definite

MATCH_BATCH = 100
"""Issues in one call of `Queries.match`."""


def evaluate_known(
    matcher: QueryMatcher, row: Row[Any], revision: Row[Any], connection: Configured, connector: EvaluatesQueries
) -> None:
    """Evaluate known issues here where that is enough; otherwise record why the query can't be listed."""
    try:
        connector.check_query(connection.view, query=revision.query)
        not_evaluable = connector.not_evaluable(connection.view, query=revision.query)
    except Rejected as error:
        _settle_unlistable(matcher, row, revision, str(error))
        return
    if not_evaluable or not connector.evaluates_locally:
        why = f", and {', '.join(not_evaluable)} can't be evaluated without" if not_evaluable else ""
        _settle_unlistable(matcher, row, revision, f"it can't be listed, since there are no credentials{why}")
        return
    after = 0
    while (last := _evaluate_some(matcher, row, revision, connection, connector, after)) is not None:
        after = last
    with writing(matcher.engine) as tx:
        query_listings.note_incomplete(tx, revision, None)
        query_listings.activate_revision(tx, revision.id)
        done = {"outcome": "evaluated with the known issues", "done_at": database_now(tx), "cursor": None}
        due.settle(tx, query_listing, [row], [done])


def _evaluate_some(
    matcher: QueryMatcher,
    row: Row[Any],
    revision: Row[Any],
    connection: Configured,
    connector: EvaluatesQueries,
    after: int,
) -> int | None:
    """Evaluate the next known issues; return the row id of the last one, None after the end."""
    with reading(matcher.engine) as tx:
        held = issues.read_chunk(tx, connection_id=connection.id, after=after, limit=MATCH_BATCH)
        known = as_candidates(tx, matcher.ruleset_cache.current(tx), connection.id, held)
    if not held:
        return None
    answers = match(connector, connection, {revision.id: revision.query}, known)

    def save() -> None:
        with writing(matcher.engine) as tx:
            ruleset = matcher.ruleset_cache.current(tx)
            locked = issues.lock(tx, {(connection.id, one.issue.identity): None for one in known})
            unchanged_rows = [one for one in locked.values() if one.issue in unchanged]
            certain = {one.issue.identity for one in unchanged_rows if one.issue}
            certain_answers = {
                identity: answer for identity, answer in answers[revision.id].items() if identity in certain
            }
            record_definite(tx, ruleset, connection.id, {revision.id: certain_answers})
            reason = listing_reason(revision, "asked")
            matcher.update_links(tx, ruleset, connection.id, unchanged_rows, reason=reason)
            due.checkpoint(tx, query_listing, row, lease=LEASE)

    unchanged = [one.issue for one in known]
    retry_on_conflict(save)
    return held[-1].id


def _settle_unlistable(matcher: QueryMatcher, row: Row[Any], revision: Row[Any], incomplete_reason: str) -> None:
    """Record why a query can't be listed; it is tried again when the connection or the rule changes."""
    with writing(matcher.engine) as tx:
        query_listings.note_incomplete(tx, revision, incomplete_reason)
        due.settle(tx, query_listing, [row], [{"outcome": incomplete_reason, "cursor": None}])


def listing_reason(revision: Row[Any], verb: str) -> RelinkReason:
    """Return why links by a rule's query are derived again."""
    what = f"query of rule {revision.rule_slug} {verb}"
    return RelinkReason(what=what, key_result=revision.key_result_id, origin="rule")
