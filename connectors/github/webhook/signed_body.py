"""Decide by the signed bytes what a delivery is: its form, and what it is about.

GitHub signs the body and no header, so whoever has one signed body may send it again with other headers. `Content-Type`
is not used at all, and a body that is about something else than `X-GitHub-Event` says is refused.
https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from connectors.json_fields import Json
from sync_service.domain.trackers.connector import Rejected

_FORM = b"payload="
"""How a form-encoded delivery begins; no JSON text does. Webhooks created by API are form-encoded by default."""

_SUBJECTS = frozenset(
    [
        "account",
        "alert",
        "blocked_issue",
        "blocked_user",
        "blocking_issue",
        "branch",
        "build",
        "check_run",
        "check_suite",
        "client_payload",
        "comment",
        "commit",
        "commits",
        "definition",
        "deployment",
        "discussion",
        "environment",
        "forkee",
        "hook",
        "invitation",
        "issue",
        "key",
        "label",
        "location",
        "marketplace_purchase",
        "member",
        "membership",
        "merge_group",
        "milestone",
        "new_property_values",
        "package",
        "pages",
        "parent_issue",
        "personal_access_token_request",
        "project",
        "project_card",
        "project_column",
        "projects_v2",
        "projects_v2_item",
        "projects_v2_status_update",
        "pull_request",
        "pusher",
        "ref",
        "registry_package",
        "release",
        "repositories",
        "repositories_added",
        "repositories_removed",
        "repository_advisory",
        "repository_ruleset",
        "review",
        "rule",
        "security_advisory",
        "sponsorship",
        "starred_at",
        "sub_issue",
        "team",
        "thread",
        "workflow",
        "workflow_job",
        "workflow_run",
        "zen",
    ]
)
"""Top-level fields of all deliveries that say what a body is about."""

_OWN: Mapping[str, frozenset[str]] = {
    "issues": frozenset({"issue", "label", "milestone"}),
    "issue_comment": frozenset({"comment", "issue"}),
    "pull_request": frozenset({"label", "milestone", "pull_request"}),
    "sub_issues": frozenset({"parent_issue", "sub_issue"}),
    "label": frozenset({"label"}),
    "milestone": frozenset({"milestone"}),
    "repository": frozenset(),
    "organization": frozenset({"invitation", "membership"}),
    "installation": frozenset({"repositories"}),
    "installation_repositories": frozenset({"repositories_added", "repositories_removed"}),
    "installation_target": frozenset({"account"}),
    "projects_v2_item": frozenset({"projects_v2_item"}),
}
"""The subjects that deliveries of each event that we read may have."""


def json_of(body: bytes) -> bytes:
    """Return the JSON text of a signed body. Raise `Rejected` for a form with other fields than `payload`."""
    if not body.startswith(_FORM):
        return body
    value = body.removeprefix(_FORM)
    if b"&" in value or b"=" in value:
        raise Rejected("the form body has other fields beside payload")
    return unquote_to_bytes(value.replace(b"+", b" "))


def check_subject(event: str, payload: Json) -> None:
    """Raise `Rejected` when the body is about something else than deliveries of this event are."""
    others = sorted((_SUBJECTS - _OWN[event]) & set(payload))
    if others:
        raise Rejected(f"the body is about {', '.join(others)[:100]!r}, but its event is called {event!r}")
