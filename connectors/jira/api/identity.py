"""Proof of who Jira says we are: the answer to a stranger says nothing about what is there.

Jira Cloud answers an expired API token on many addresses as it answers a stranger: a field list without custom fields,
404 for issues, empty searches, with status 200. Before such an answer is believed, Jira must name our account: in a
header of that answer, or when asked after it.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-myself/#api-rest-api-3-myself-get
https://github.com/MrRefactoring/jira.js/issues/418
"""

from connectors.responses import Response
from sync_service.domain.trackers.connector import Refused

WHO = "/myself"
"""The path of the call that answers only to an account."""

_FAILED = frozenset({"AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED"})
_NO_SCOPE = b"scope does not match"


class Stranger(Refused):
    """Jira answered as it answers somebody without an account."""


def needs_proof(reply: Response) -> bool:
    """Return whether a stranger could get this answer. 401, 403, rate limits and failures of Jira say it themselves."""
    return reply.status == 200 or reply.status in (400, 404, 410)


def names_account(reply: Response) -> bool:
    """Return whether the headers name the account that made the call; raise `Stranger` when they say that none did."""
    reasons = {reason.strip().upper() for reason in reply.header("X-Seraph-LoginReason").split(",")}
    if reasons & _FAILED and "OK" not in reasons:
        denied = reply.header("X-Authentication-Denied-Reason")[:100]
        why = f"X-Seraph-LoginReason: {', '.join(sorted(reasons))}{f', {denied}' if denied else ''}"
        raise Stranger(_stranger(reply, why))
    name = reply.header("X-AUSERNAME")
    if name.lower() == "anonymous":
        raise Stranger(_stranger(reply, "X-AUSERNAME: anonymous"))
    return bool(reply.header("X-AACCOUNTID") or name) or "OK" in reasons


def check_account(answer: Response) -> None:
    """Raise `Stranger` when the answer to `WHO` shows that we have no account. A token's scopes may forbid the call."""
    if answer.status in (401, 403, 404) and _NO_SCOPE not in answer.body:
        raise Stranger(_stranger(answer, f"{answer.status} when asked who we are"))


def _stranger(reply: Response, why: str) -> str:
    return (
        f"{reply.shown_host} answers as to a stranger, without the credentials ({why}): the token has expired, was "
        "revoked, or belongs to another e-mail address"
    )
