"""Read an issue's points and other numbers from custom fields, which webhooks name by id only.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-fields/
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connectors.jira.api.field_catalogue import ESTIMATE, FieldCatalogue, field_catalogue_of, is_field_id, same_name
from connectors.jira.model.parent import came_from
from connectors.json_fields import MAX_NUMBER_FIELDS, Json, json_object, json_objects, option_texts
from connectors.number_values import NumberValue, Unreadable, number_value
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.fields.merge_values import MAX_POINTS
from sync_service.domain.trackers.observations import Number

STORY_POINTS = "Story Points"
"""Name of the estimate field of company-managed projects and Data Center, unless it was renamed."""

STORY_POINT_ESTIMATE = "Story point estimate"


@dataclass(frozen=True, slots=True)
class NumberFieldIds:
    """The ids of the fields that may hold a number; each issue uses one of them.

    `ids` None: not known. `unclear` says why no field can be chosen.
    """

    ids: tuple[str, ...] | None
    unclear: str | None = None


def points_field(connection: Connection) -> str | None:
    """Return the points field as the connection names it: an id (`customfield_10016`) or a name (`Story Points`)."""
    found = connection.options.get("points_field")
    return found.strip() or None if isinstance(found, str) else None


def number_fields(connection: Connection) -> tuple[str, ...]:
    """Return the numeric fields that the connection names, by id or name, without duplicates."""
    return option_texts(connection.options.get("number_fields"), MAX_NUMBER_FIELDS)


def points_field_ids(connection: Connection, project: str | None) -> NumberFieldIds:
    """Find the points fields: the configured one, else those of team-managed and of company-managed projects."""
    field, known = points_field(connection), field_catalogue_of(connection)
    if field is not None:
        return _field_ids_of("points_field", field, known, project)
    if known is None or known.problem:
        return NumberFieldIds(None)
    company = known.numbers_named(STORY_POINTS, project=project)
    if len(company) > 1:
        return NumberFieldIds(None, _ambiguous("points_field", STORY_POINTS, company))
    return NumberFieldIds((*known.of_type(ESTIMATE, project=project), *company))


def number_field_ids(connection: Connection, field: str, project: str | None) -> NumberFieldIds:
    """Find the field of a number that the connection names."""
    return _field_ids_of("number_fields", field, field_catalogue_of(connection), project)


def _field_ids_of(option: str, field: str, known: FieldCatalogue | None, project: str | None) -> NumberFieldIds:
    if is_field_id(field):
        return NumberFieldIds((field,))
    if known is None or known.problem:
        return NumberFieldIds(None)
    found = known.numbers_named(field, project=project)
    if len(found) > 1:
        return NumberFieldIds(None, _ambiguous(option, field, found))
    if not found and not known.numbers_named(field, project=None):
        return NumberFieldIds(None, f"{option} names {field}, but no numeric field has this name")
    return NumberFieldIds(found)  # may be empty: only issues of another project have the field


def _ambiguous(option: str, name: str, ids: tuple[str, ...]) -> str:
    return f"several fields are called {name}: set {option} to the id of one, {' or '.join(ids[:4])}"


def points_in(
    fields: Json, connection: Connection, *, changelog: Json, project: str | None
) -> tuple[float | None, bool, str | None]:
    """Return the points; whether they are known; and a text on what is unclear.

    A field that the issue does not show is unknown, not empty: the account may have lost the permission to see it. Only
    an issue that has just moved to another project has no points there.
    """
    source, field = points_field_ids(connection, project), points_field(connection)
    if source.ids is not None:
        shown = [number_value(fields[one]) for one in source.ids if one in fields]
        return _points_of(shown) if shown else (None, came_from(changelog) is not None, None)
    names = (field,) if field else (STORY_POINTS, STORY_POINT_ESTIMATE)
    changed = [] if source.unclear else [name for name in names if _change(changelog, name)]
    return _points_of([_changed_to(fields, changelog, changed[-1])]) if changed else (None, False, source.unclear)


def _points_of(values: Sequence[NumberValue]) -> tuple[float | None, bool, str | None]:
    """Return the points of an issue from the values of its fields, as `points_in` does."""
    found = sorted({value for value in values if isinstance(value, float)})
    if len(found) > 1:
        two = " and ".join(f"{value:g}" for value in found)
        return None, False, f"two fields hold its points, {two}: set points_field to the id of one"
    if found and not 0 <= found[0] <= MAX_POINTS:
        return None, False, f"its points can't be {found[0]:g}, so they are unknown"
    odd = next((value for value in values if isinstance(value, Unreadable)), None)
    if odd and not found:
        return None, False, f"its points are unknown: {odd.shown} is no number"
    return (found[0] if found else None), True, None


def numbers_in(
    fields: Json, connection: Connection, *, changelog: Json, project: str | None
) -> tuple[tuple[Number, ...], tuple[str, ...]]:
    """Return the known numbers, and texts on what is unclear about others."""
    found, unclear = [], []
    for name in number_fields(connection):
        source = number_field_ids(connection, name, project)
        if source.unclear:
            unclear.append(source.unclear)
            continue
        if source.ids and source.ids[0] in fields:
            value = number_value(fields[source.ids[0]])
        elif source.ids is None and _change(changelog, name):
            value = _changed_to(fields, changelog, name)
        else:
            continue
        if isinstance(value, Unreadable):
            unclear.append(f"its {name} is unknown: {value.shown} is no number")
        else:
            found.append(Number(name, value))
    return tuple(found), tuple(unclear)


def ids_of_numbers(connection: Connection) -> Iterator[str]:
    """Yield the known ids of all fields that may hold points or numbers."""
    known, field = field_catalogue_of(connection) or FieldCatalogue(), points_field(connection)
    if field is None:
        yield from known.of_type(ESTIMATE)
    for name in (field or STORY_POINTS, *number_fields(connection)):
        yield from (name,) if is_field_id(name) else known.numbers_named(name, project=None)


def _changed_to(fields: Json, changelog: Json, field: str) -> NumberValue:
    change = _change(changelog, field)
    field_id = change.get("fieldId")
    if isinstance(field_id, str) and field_id in fields:
        return number_value(fields[field_id])
    return number_value(change.get("toString"))


def _change(changelog: Json, field: str) -> Json:
    changes = [item for item in json_objects(changelog.get("items")) if same_name(item.get("field"), field)]
    return json_object(changes[-1]) if changes else {}
