"""What GitHub Enterprise Server lacks and adds, compared with github.com.

Its API descriptions for 3.17 to 3.19 have no sub-issues, no changes of types and fields, and dependencies only in 3.19
(https://github.com/github/rest-api-description). It has no rate limits unless its operator sets them.
"""

from typing import Any

_NOT_SENT = {"sub_issues", "issues.typed", "issues.untyped", "issues.field_added", "issues.field_removed"}
_NOT_SHOWN = (
    "sub_issues_summary",
    "parent_issue_url",
    "issue_field_values",
    "issue_dependencies_summary",
    "type",
)
_MARK_OF_AN_ISSUE = "sub_issues_summary"


def sends(event: str, action: str) -> bool:
    """Return whether it sends a webhook."""
    return event not in _NOT_SENT and f"{event}.{action}" not in _NOT_SENT


def answer_headers(version: str) -> dict[str, str]:
    """Return the headers that it adds to each response."""
    return {"X-GitHub-Enterprise-Version": f"{version}.0"}


def message_headers(version: str) -> dict[str, str]:
    """Return the headers that it adds to each webhook."""
    return {**answer_headers(version), "X-GitHub-Enterprise-Host": "127.0.0.1"}


def without_new_fields(written: Any) -> Any:
    """Remove from every issue in a JSON value the fields that it does not know."""
    if isinstance(written, list):
        return [without_new_fields(each) for each in written]
    if not isinstance(written, dict):
        return written
    left_out = _NOT_SHOWN if _MARK_OF_AN_ISSUE in written else ()
    return {name: without_new_fields(value) for name, value in written.items() if name not in left_out}
