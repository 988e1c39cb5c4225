"""What a Jira letter tells of an issue's place: its parent, told, told of as a change, or unknown; and a move.

Epic Link and Parent Link are custom fields whose ids differ by site: their changes name them, and they are found by
their types once the site's fields are known.
https://developer.atlassian.com/cloud/jira/platform/deprecation-notice-epic-link-parent-link/
"""

import re

from connectors.fields import Json, exact, identifier, rows, table
from connectors.jira.catalogue import EPIC_LINK, PARENT_LINK, known_to
from sync_service.domain.connectors import Connection
from sync_service.domain.issues import Parent, ScopeRef

_PARENT_FIELDS = frozenset({"issueparentassociation", "epic link", "parent link", "parent issue", "parent"})
_KEY_AT_START = re.compile(r"[A-Z][A-Z0-9_]+-[1-9][0-9]*(?![A-Za-z0-9_-])", re.ASCII)


def parent_in(fields: Json, connection: Connection, *, changelog: Json, asked: bool) -> Parent | None:
    """Read the parent; None where the letter leaves it unknown, which is not the same as having none.

    `asked`: it is no letter but an answer, to a question for every field that could tell a parent.
    """
    told = table(fields.get("parent"))
    key = exact(told.get("key"))
    if key:
        return Parent(key, identifier(told.get("id")))
    links = link_fields(connection)
    linked = next((parent for one in links if (parent := _linked(fields.get(one)))), None)
    if linked:
        return linked
    changes = [item for item in rows(changelog.get("items")) if _is_parent(item)]
    if changes:
        return _after(changes[-1])
    known = known_to(connection)
    if asked:
        return Parent(None) if known and not known.problem else None
    # Cloud leaves these fields out of letters or says why they can't be used, and leaves out `parent` both for "none"
    # and for "not shown".
    return Parent(None) if any(one in fields and fields[one] is None for one in links) else None


def link_fields(connection: Connection) -> tuple[str, ...]:
    """Give the ids of the fields Epic Link and Parent Link, as far as they are known."""
    known = known_to(connection)
    return (*known.of_type(EPIC_LINK), *known.of_type(PARENT_LINK)) if known else ()


def _linked(value: object) -> Parent | None:
    """Read the value of an Epic Link or Parent Link: a key, or an object that holds one."""
    within = table(value)
    within = table(within.get("data")) or within
    key = exact(value) or exact(within.get("key"))
    if key is None or len(key) > 255 or not _KEY_AT_START.fullmatch(key):
        return None
    return Parent(key, identifier(within.get("id")))


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
