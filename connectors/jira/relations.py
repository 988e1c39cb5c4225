"""The parent of a Jira issue, which a letter may tell, tell of as a change, or leave unknown.

Epic Link and Parent Link are custom fields whose ids differ by site; only their changes name them.
https://developer.atlassian.com/cloud/jira/platform/deprecation-notice-epic-link-parent-link/
"""

import re

from connectors.fields import Json, exact, identifier, rows, table
from sync_service.domain.issues import Parent

_PARENT_FIELDS = frozenset({"issueparentassociation", "epic link", "parent link", "parent issue", "parent"})
_KEY_AT_START = re.compile(r"[A-Z][A-Z0-9_]+-[1-9][0-9]*(?![A-Za-z0-9_-])", re.ASCII)


def parent_in(fields: Json, changelog: Json) -> Parent | None:
    """Read the parent; None where the letter leaves it unknown, which is not the same as having none."""
    told = table(fields.get("parent"))
    key = exact(told.get("key"))
    if key:
        return Parent(key, identifier(told.get("id")))
    changes = [item for item in rows(changelog.get("items")) if _is_parent(item)]
    return _after(changes[-1]) if changes else None


def _is_parent(item: Json) -> bool:
    name = item.get("field")
    return isinstance(name, str) and name.strip().casefold() in _PARENT_FIELDS


def _after(item: Json) -> Parent | None:
    shown = item.get("toString")
    if not item.get("to") and not shown:
        return Parent(None)
    key = _KEY_AT_START.match(shown) if isinstance(shown, str) else None
    return Parent(key[0], identifier(item.get("to"))) if key and len(key[0]) <= 255 else None
