"""An issue's points and other numbers: Jira keeps them in custom fields, which letters name by id alone.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-fields/
"""

from collections.abc import Iterator
from dataclasses import dataclass

from connectors.fields import MOST_NUMBERS, Json, distinct, number, rows, table, text
from connectors.jira.catalogue import ESTIMATE, Catalogue, is_field_id, known_to, same_name
from sync_service.domain.connectors import Connection
from sync_service.domain.issues import Number

STORY_POINTS = "Story Points"
"""The name of the field that company-managed projects and Data Center estimate in, unless it was renamed."""

STORY_POINT_ESTIMATE = "Story point estimate"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a number stands: the ids of the fields that may hold it, of which an issue uses one.

    `ids` None: not known; `unclear` says why no field can be gone by.
    """

    ids: tuple[str, ...] | None
    unclear: str | None = None


def points_field(connection: Connection) -> str | None:
    """Give the field as the connection names it: an id (`customfield_10016`) or a name (`Story Points`)."""
    found = connection.options.get("points_field")
    return found.strip() or None if isinstance(found, str) else None


def number_fields(connection: Connection) -> tuple[str, ...]:
    """Give the numeric fields that the connection names, by id or name, each once."""
    return distinct(connection.options.get("number_fields"), MOST_NUMBERS)


def points_place(connection: Connection, project: str | None) -> Place:
    """Find the fields of points: the one that is set, else those of team-managed and of company-managed projects."""
    field, known = points_field(connection), known_to(connection)
    if field is not None:
        return _place("points_field", field, known, project)
    if known is None or known.problem:
        return Place(None)
    company = known.numbers_named(STORY_POINTS, project=project)
    if len(company) > 1:
        return Place(None, _several("points_field", STORY_POINTS, company))
    return Place((*known.of_type(ESTIMATE, project=project), *company))


def number_place(connection: Connection, field: str, project: str | None) -> Place:
    """Find the field of a number that the connection names."""
    return _place("number_fields", field, known_to(connection), project)


def _place(option: str, field: str, known: Catalogue | None, project: str | None) -> Place:
    if is_field_id(field):
        return Place((field,))
    if known is None or known.problem:
        return Place(None)
    found = known.numbers_named(field, project=project)
    if len(found) > 1:
        return Place(None, _several(option, field, found))
    if not found and not known.numbers_named(field, project=None):
        return Place(None, f"no numeric field is called {field}, which {option} names")
    return Place(found)  # none: only issues of another project have it


def _several(option: str, name: str, ids: tuple[str, ...]) -> str:
    return f"several fields are called {name}: write the id of one, {' or '.join(ids[:4])}, into {option}"


def points_in(
    fields: Json, connection: Connection, *, changelog: Json, project: str | None
) -> tuple[float | None, bool, str | None]:
    """Read the points; whether they are known; and what is unclear about them, in words."""
    place, field = points_place(connection, project), points_field(connection)
    if place.ids is not None:
        found = sorted({value for one in place.ids if (value := number(fields.get(one))) is not None})
        if len(found) > 1:
            told = " and ".join(f"{value:g}" for value in found)
            return None, False, f"two fields hold its points, {told}: write the id of one into points_field"
        return (found[0] if found else None), True, None
    names = (field,) if field else (STORY_POINTS, STORY_POINT_ESTIMATE)
    changed = [] if place.unclear else [name for name in names if _change(changelog, name)]
    points = _changed_to(fields, changelog, changed[-1]) if changed else None
    return points, bool(changed), place.unclear


def numbers_in(
    fields: Json, connection: Connection, *, changelog: Json, project: str | None
) -> tuple[tuple[Number, ...], tuple[str, ...]]:
    """Read the numbers that are known, and what is unclear about others, in words."""
    found, unclear = [], []
    for name in number_fields(connection):
        place = number_place(connection, name, project)
        if place.ids:
            found.append(Number(name, number(fields.get(place.ids[0]))))
        elif place.unclear:
            unclear.append(place.unclear)
        elif place.ids is None and _change(changelog, name):
            found.append(Number(name, _changed_to(fields, changelog, name)))
    return tuple(found), tuple(unclear)


def ids_of_numbers(connection: Connection) -> Iterator[str]:
    """Give the ids of all fields that may hold points or numbers, as far as they are known."""
    known, field = known_to(connection) or Catalogue(), points_field(connection)
    if field is None:
        yield from known.of_type(ESTIMATE)
    for name in (field or STORY_POINTS, *number_fields(connection)):
        yield from (name,) if is_field_id(name) else known.numbers_named(name, project=None)


def _changed_to(fields: Json, changelog: Json, field: str) -> float | None:
    change = _change(changelog, field)
    field_id = change.get("fieldId")
    if isinstance(field_id, str) and field_id in fields:
        return number(fields[field_id])
    try:
        return number(float(text(change.get("toString")) or "nan"))
    except ValueError:
        return None


def _change(changelog: Json, field: str) -> Json:
    changes = [item for item in rows(changelog.get("items")) if same_name(item.get("field"), field)]
    return table(changes[-1]) if changes else {}
