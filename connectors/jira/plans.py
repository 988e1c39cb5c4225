"""What an issue is planned into: components, versions to be fixed in, sprints.

Cloud writes a sprint as an object, Data Center as the text of a Java object.
https://developer.atlassian.com/cloud/jira/platform/deprecation-notice-tempo-and-gh-sprint-custom-field-format/
"""

import re
from collections.abc import Iterable

from connectors.fields import Json, identifier, rows, table, text
from connectors.jira.catalogue import SPRINT, known_to
from sync_service.domain.connectors import Connection
from sync_service.domain.issues import Term

_MOST = 200
_LONGEST = 10_000
_ID = re.compile(r"(?:\[|,)id=([0-9]{1,18})(?=,)", re.ASCII)
_AFTER_NAME = (",goal=", ",startDate=", ",endDate=", ",completeDate=", ",activatedDate=", ",sequence=", ",synced=")


def components_in(fields: Json) -> tuple[Term, ...] | None:
    """Read the components; None where the letter leaves them out."""
    return _terms(fields, "components")


def versions_in(fields: Json) -> tuple[Term, ...] | None:
    """Read the versions that the issue is to be fixed in; None where the letter leaves them out."""
    return _terms(fields, "fixVersions")


def _terms(fields: Json, name: str) -> tuple[Term, ...] | None:
    if name not in fields:
        return None
    return _sorted(_term(row) for row in rows(fields[name])[:_MOST])


def sprints_in(fields: Json, connection: Connection, changelog: Json) -> tuple[Term, ...] | None:
    """Read the sprints, open and closed; None where nothing tells which field holds them."""
    known = known_to(connection)
    ids = known.of_type(SPRINT) if known else ()
    if not ids:
        return _changed_to(changelog)
    values = [value for one in ids for value in _listed(fields.get(one))]
    return _sorted(_sprint(value) for value in values[:_MOST])


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _sprint(value: object) -> Term | None:
    return _spelled(value) if isinstance(value, str) else _term(table(value))


def _term(row: Json) -> Term | None:
    name = text(row.get("name"))
    return Term(identifier(row.get("id")) or name, name) if name else None


def _spelled(written: str) -> Term | None:
    """Read `…Sprint@1bf[id=1,rapidViewId=2,state=CLOSED,name=Sprint 1,startDate=…]`; a name may hold commas."""
    found, begin = _ID.search(written[:_LONGEST]), written.find(",name=", 0, _LONGEST)
    if found is None or begin < 0:
        return None
    rest = written[begin + len(",name=") : _LONGEST]
    ends = [end for key in _AFTER_NAME if (end := rest.find(key)) >= 0]
    name = text(rest[: min(ends)] if ends else rest.removesuffix("]"))
    return Term(found[1], name) if name else None


def _changed_to(changelog: Json) -> tuple[Term, ...] | None:
    """Read the sprints from the last change of them: ids and names, each with commas between."""
    changes = [item for item in rows(changelog.get("items")) if item.get("field") == "Sprint"]
    if not changes:
        return None
    ids, names = text(changes[-1].get("to"), _LONGEST), text(changes[-1].get("toString"), _LONGEST)
    if not ids and not names:
        return ()
    told = [part.strip() for part in (ids or "").split(",")]
    shown = (names or "").split(", ")
    if not names or (ids and len(told) != len(shown)) or (not ids and len(shown) > 1):
        return None  # a name holds a comma
    return _sorted(_term({"id": one, "name": name}) for one, name in zip(told, shown, strict=True))


def _sorted(terms: Iterable[Term | None]) -> tuple[Term, ...]:
    found = {term.id: term for term in terms if term}
    return tuple(found[one] for one in sorted(found))
