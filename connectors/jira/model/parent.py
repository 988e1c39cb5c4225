"""Read an issue's parent, which may be unknown, and the project it was moved from.

Epic Link and Parent Link are custom fields whose ids differ by site: a changelog has their names, and the field
catalogue finds them by type.
https://developer.atlassian.com/cloud/jira/platform/deprecation-notice-epic-link-parent-link/
"""

import re

from connectors.jira.api.field_catalogue import EPIC_LINK, PARENT_LINK, field_catalogue_of
from connectors.json_fields import Json, exact_text, identifier, json_object, json_objects
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.observations import Parent, ScopeRef

_PARENT_FIELDS = frozenset({"issueparentassociation", "epic link", "parent link", "parent issue", "parent"})
_KEY_AT_START = re.compile(r"[A-Z][A-Z0-9_]+-[1-9][0-9]*(?![A-Za-z0-9_-])", re.ASCII)


def parent_in(fields: Json, connection: Connection, *, changelog: Json, asked: bool) -> Parent | None:
    """Return the parent; None when it is unknown, which is not the same as `Parent(None)`, no parent.

    `asked`: the JSON is not from a webhook but from a call that requested every field that can hold a parent.
    """
    parent_issue = json_object(fields.get("parent"))
    key = exact_text(parent_issue.get("key"))
    if key:
        return Parent(key, identifier(parent_issue.get("id")))
    links = link_fields(connection)
    linked = next((parent for one in links if (parent := _linked(fields.get(one)))), None)
    if linked:
        return linked
    changes = [item for item in json_objects(changelog.get("items")) if _is_parent(item)]
    if changes:
        return _new_parent(changes[-1])
    known = field_catalogue_of(connection)
    if asked:
        return Parent(None) if known and not known.problem else None
    # In webhooks, Cloud omits these fields or says why they can't be used, and omits `parent` both for "none" and for
    # "not shown".
    return Parent(None) if any(one in fields and fields[one] is None for one in links) else None


def link_fields(connection: Connection) -> tuple[str, ...]:
    """Return the known ids of the fields Epic Link and Parent Link."""
    known = field_catalogue_of(connection)
    return (*known.of_type(EPIC_LINK), *known.of_type(PARENT_LINK)) if known else ()


def _linked(value: object) -> Parent | None:
    """Read the value of an Epic Link or Parent Link: a key, or an object with a key."""
    within = json_object(value)
    within = json_object(within.get("data")) or within
    key = exact_text(value) or exact_text(within.get("key"))
    if key is None or len(key) > 255 or not _KEY_AT_START.fullmatch(key):
        return None
    return Parent(key, identifier(within.get("id")))


def _is_parent(item: Json) -> bool:
    name = item.get("field")
    return isinstance(name, str) and name.strip().casefold() in _PARENT_FIELDS


def _new_parent(item: Json) -> Parent | None:
    shown = item.get("toString")
    if not item.get("to") and not shown:
        return Parent(None)
    key = _KEY_AT_START.match(shown) if isinstance(shown, str) else None
    return Parent(key[0], identifier(item.get("to"))) if key and len(key[0]) <= 255 else None


def came_from(changelog: Json) -> ScopeRef | None:
    """Return the project that the issue was moved from; None without a move in the changelog."""
    for item in json_objects(changelog.get("items")):
        left = identifier(item.get("from"))
        if item.get("field") == "project" and left:
            return ScopeRef(left, _former_key(changelog) or "")
    return None


def _former_key(changelog: Json) -> str | None:
    """Return the project's key from the issue's former key: the change of the project itself has only its name."""
    for item in json_objects(changelog.get("items")):
        key = exact_text(item.get("fromString"))
        if item.get("field") == "Key" and key and _KEY_AT_START.fullmatch(key):
            return key.rpartition("-")[0]
    return None
