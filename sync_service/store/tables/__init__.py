"""All tables. Migrations create them; a test checks that both agree."""

from sync_service.store.tables.columns import metadata
from sync_service.store.tables.notifications import breaking, mail, notice
from sync_service.store.tables.oauth import app_request, forgery
from sync_service.store.tables.okrs import check_in, cycle, history, key_result, objective, person, recompute, team
from sync_service.store.tables.people import api_token, audit, session, sign_in_link
from sync_service.store.tables.rules import (
    candidate,
    counter,
    link,
    listing,
    manual_link,
    member,
    relink,
    rule,
    rule_revision,
)
from sync_service.store.tables.trackers import (
    closing,
    connection,
    consent,
    delivery,
    errand,
    issue,
    look,
    pause,
    poll,
    scope,
    term,
)
from sync_service.store.tables.write_back import comment, write_back, write_round

__all__ = [
    "api_token",
    "app_request",
    "audit",
    "breaking",
    "candidate",
    "check_in",
    "closing",
    "comment",
    "connection",
    "consent",
    "counter",
    "cycle",
    "delivery",
    "errand",
    "forgery",
    "history",
    "issue",
    "key_result",
    "link",
    "listing",
    "look",
    "mail",
    "manual_link",
    "member",
    "metadata",
    "notice",
    "objective",
    "pause",
    "person",
    "poll",
    "recompute",
    "relink",
    "rule",
    "rule_revision",
    "scope",
    "session",
    "sign_in_link",
    "team",
    "term",
    "write_back",
    "write_round",
]
