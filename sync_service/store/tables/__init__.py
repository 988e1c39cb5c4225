"""All tables. Migrations create them; a test checks that both agree."""

from sync_service.store.tables.columns import metadata
from sync_service.store.tables.notifications import connection_alert, mail, notice
from sync_service.store.tables.oauth import oauth_state, rejected_delivery
from sync_service.store.tables.okrs import check_in, cycle, history, key_result, objective, person, recompute, team
from sync_service.store.tables.people import api_token, audit, session, sign_in_link
from sync_service.store.tables.rules import (
    counter,
    link,
    manual_link,
    query_candidate,
    query_listing,
    query_member,
    relink_request,
    rule,
    rule_revision,
)
from sync_service.store.tables.trackers import (
    closing_link,
    connection,
    delivery,
    fetch_request,
    issue,
    oauth_token,
    poll,
    rate_limit,
    scheduled_task,
    scope,
    term,
)
from sync_service.store.tables.write_back import link_comment, write_back, write_back_round

__all__ = [
    "api_token",
    "oauth_state",
    "audit",
    "connection_alert",
    "query_candidate",
    "check_in",
    "closing_link",
    "link_comment",
    "connection",
    "oauth_token",
    "counter",
    "cycle",
    "delivery",
    "scheduled_task",
    "rejected_delivery",
    "history",
    "issue",
    "key_result",
    "link",
    "query_listing",
    "fetch_request",
    "mail",
    "manual_link",
    "query_member",
    "metadata",
    "notice",
    "objective",
    "rate_limit",
    "person",
    "poll",
    "recompute",
    "relink_request",
    "rule",
    "rule_revision",
    "scope",
    "session",
    "sign_in_link",
    "team",
    "term",
    "write_back",
    "write_back_round",
]
