"""Read components, fix versions and sprints of an issue.

Cloud sends a sprint as an object, Data Center as the text of a Java object.
https://developer.atlassian.com/cloud/jira/platform/deprecation-notice-tempo-and-gh-sprint-custom-field-format/
"""

import re
from collections.abc import Iterable

from connectors.jira.api.field_catalogue import SPRINT, field_catalogue_of
from connectors.json_fields import Json, identifier, json_object, json_objects, text
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.observations import Term

_MOST = 200
_LONGEST = 10_000
_ID = re.compile(r"(?:\[|,)id=([0-9]{1,18})(?=,)", re.ASCII)
_AFTER_NAME = (",goal=", ",startDate=", ",endDate=", ",completeDate=", ",activatedDate=", ",sequence=", ",synced=")


def components_in(fields: Json) -> tuple[Term, ...] | None:
    """Return the components; None when the webhook omits them."""
    return _terms(fields, "components")


def versions_in(fields: Json) -> tuple[Term, ...] | None:
    """Return the fix versions; None when the webhook omits them."""
    return _terms(fields, "fixVersions")


def _terms(fields: Json, name: str) -> tuple[Term, ...] | None:
    if name not in fields:
        return None
    return _sorted(_term(row) for row in json_objects(fields[name])[:_MOST])


def sprints_in(fields: Json, connection: Connection, changelog: Json) -> tuple[Term, ...] | None:
    """Return the sprints, open and closed; None when the field that holds them is unknown, or not shown."""
    known = field_catalogue_of(connection)
    shown = [one for one in (known.of_type(SPRINT) if known else ()) if one in fields]
    if not shown:
        return _changed_to(changelog)
    values = [value for one in shown for value in _listed(fields[one])]
    return _sorted(_sprint(value) for value in values[:_MOST])


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _sprint(value: object) -> Term | None:
    return _from_java_text(value) if isinstance(value, str) else _term(json_object(value))


def _term(row: Json) -> Term | None:
    name = text(row.get("name"))
    return Term(identifier(row.get("id")) or name, name) if name else None


def _from_java_text(java_text: str) -> Term | None:
    """Parse `…Sprint@1bf[id=1,rapidViewId=2,state=CLOSED,name=Sprint 1,startDate=…]`; a name may contain commas."""
    found, begin = _ID.search(java_text[:_LONGEST]), java_text.find(",name=", 0, _LONGEST)
    if found is None or begin < 0:
        return None
    rest = java_text[begin + len(",name=") : _LONGEST]
    ends = [end for key in _AFTER_NAME if (end := rest.find(key)) >= 0]
    name = text(rest[: min(ends)] if ends else rest.removesuffix("]"))
    return Term(found[1], name) if name else None


def _changed_to(changelog: Json) -> tuple[Term, ...] | None:
    """Return the sprints after their last change in the changelog: ids and names, each separated by commas."""
    changes = [item for item in json_objects(changelog.get("items")) if item.get("field") == "Sprint"]
    if not changes:
        return None
    ids, names = text(changes[-1].get("to"), _LONGEST), text(changes[-1].get("toString"), _LONGEST)
    if not ids and not names:
        return ()
    split_ids = [id_.strip() for id_ in (ids or "").split(",")]
    split_names = [names] if names and len(split_ids) == 1 and ids else (names or "").split(", ")
    if not names or (ids and len(split_ids) != len(split_names)) or (not ids and len(split_names) > 1):
        return None  # a name contains a comma
    return _sorted(_term({"id": id_, "name": name}) for id_, name in zip(split_ids, split_names, strict=True))


def _sorted(terms: Iterable[Term | None]) -> tuple[Term, ...]:
    found = {term.id: term for term in terms if term}
    return tuple(found[one] for one in sorted(found))
