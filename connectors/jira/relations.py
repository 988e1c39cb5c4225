"""What a Jira letter tells of an issue's place: its parent, told, told of as a change, or unknown; and a move.

Epic Link and Parent Link are custom fields whose ids differ by site; only their changes name them.
https://developer.atlassian.com/cloud/jira/platform/deprecation-notice-epic-link-parent-link/
"""

import re

from connectors.fields import Json, exact, identifier, rows, table
from sync_service.domain.issues import Parent, ScopeRef

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


def came_from(changelog: Json) -> ScopeRef | None:
    """Read the project that the issue was moved from, where the letter tells of a move."""
    for item in rows(changelog.get("items")):
        left = identifier(item.get("from"))
        if item.get("field") == "project" and left:
            return ScopeRef(left, _former_key(changelog) or "")
    return None


def _former_key(changelog: Json) -> str | None:
    """Give the key of the project in the issue's former key: the change of project itself tells only its name."""
    for item in rows(changelog.get("items")):
        key = exact(item.get("fromString"))
        if item.get("field") == "Key" and key and _KEY_AT_START.fullmatch(key):
            return key.rpartition("-")[0]
    return None
