"""Jira's limits: which part of a connection one stops, and for how long.

Cloud has three kinds: an hour's quota of the app, a burst at one endpoint, and writes to one issue. Its gateway has
limits of its own and may say nothing about them. Data Center's are set by its administrators.
https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
https://confluence.atlassian.com/adminjiraserver/adjusting-your-code-for-rate-limiting-987143384.html
"""

import random
from datetime import datetime, timedelta

from connectors.fields import text
from connectors.replies import Reply, judge, reset_at, retry_after
from sync_service.domain.connectors import Rejected, Unavailable

READING = "reading"
"""The part of a connection that calls use which change nothing."""

WRITING = "writing"
"""The part that calls use which change something; `writing/20012` is that of one issue, by its id."""

_FIRST_WAIT_SECONDS = 2.0
_JITTER = 1.3


def judge_call(reply: Reply, *, now: datetime, part: str) -> None:
    """Do nothing about a good reply to a call that used `part`; raise for any other, as `replies.judge` does.

    A quota stops the whole connection, a burst all reading or all writing, a limit of writes to an issue that alone.
    Headers that begin with `Beta-` are of limits to come, and stop nothing.
    """
    if reply.status != 429:
        judge(reply, now=now, words=words_of(reply))
        return
    told = retry_after(reply, now) or reset_at(reply, now) or _interval(reply, now)
    wait = timedelta(seconds=_FIRST_WAIT_SECONDS * random.uniform(1, _JITTER))  # noqa: S311  a pause, not a secret
    reason = reply.header("RateLimit-Reason")
    raise Unavailable(
        f"{reply.place} asks for patience ({reply.status}{f', {text(reason, 60)}' if reason else ''})",
        told or now + wait,
        part=_stopped(reason, part),
        guessed=told is None,
    )


def _stopped(reason: str, part: str) -> str:
    match reason.lower():
        case "jira-burst-based":
            return part.partition("/")[0]
        case "jira-per-issue-on-write":
            return part
        case _:
            return ""


def _interval(reply: Reply, now: datetime) -> datetime | None:
    """Read how often Data Center gives new tokens."""
    told = reply.header("X-RateLimit-Interval-Seconds")
    return now + timedelta(seconds=int(told[:5])) if told.isascii() and told.isdigit() else None


def words_of(reply: Reply) -> str:
    """Give Jira's own words for what was wrong, or its gateway's, for people; empty where there are none."""
    try:
        body = reply.object()
    except Rejected:
        return ""
    told, of_fields = body.get("errorMessages"), body.get("errors")
    lines = [*(told if isinstance(told, list) else ()), *(of_fields.values() if isinstance(of_fields, dict) else ())]
    found = [line for line in lines if isinstance(line, str)]
    return text(found[0] if found else body.get("message"), 200) or ""
