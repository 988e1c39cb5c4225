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
    "audit",
    "check_in",
    "closing_link",
    "connection",
    "connection_alert",
    "counter",
    "cycle",
    "delivery",
    "fetch_request",
    "history",
    "issue",
    "key_result",
    "link",
    "link_comment",
    "mail",
    "manual_link",
    "metadata",
    "notice",
    "oauth_state",
    "oauth_token",
    "objective",
    "person",
    "poll",
    "query_candidate",
    "query_listing",
    "query_member",
    "rate_limit",
    "recompute",
    "rejected_delivery",
    "relink_request",
    "rule",
    "rule_revision",
    "scheduled_task",
    "scope",
    "session",
    "sign_in_link",
    "team",
    "term",
    "write_back",
    "write_back_round",
]
