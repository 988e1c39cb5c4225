"""Fields of an issue that a connection names, its points among them: from issue fields, else from projects.

An issue's own field wins when the issue has it. Only GraphQL shows the fields of projects. So when there are
credentials, the number of an issue without the field is unknown: a project may have it.
https://docs.github.com/en/rest/issues/issue-field-values
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.github.model.custom_fields import OPTIONS_HIDDEN, none_of, read_node, read_row
from connectors.json_fields import MAX_NUMBER_FIELDS, Json, identifier, json_objects, option_texts, text
from connectors.number_values import NumberValue, Unreadable, number_value
from sync_service.domain.text import folded
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.fields.custom_fields import CustomField, CustomValue, FieldType, custom_fields_of
from sync_service.domain.trackers.fields.merge_values import MAX_POINTS
from sync_service.domain.trackers.observations import Number

ProjectValues = Mapping[str, Sequence[Json]]
"""Values from other sources than the issue's own fields, by name in the configuration; the first that can be read is
meant. Each is as GraphQL shows it; there are none where the field is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFields:
    """The fields that a connection reads. `elsewhere`: a number that the issue lacks may be in a project."""

    points: str | None = None
    others: tuple[str, ...] = ()
    custom: tuple[CustomField, ...] = ()
    elsewhere: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names or ids of all fields, each once."""
        custom = [one.field for one in self.custom]
        return tuple(dict.fromkeys([*([self.points] if self.points else []), *self.others, *custom]))

    @property
    def numbers(self) -> tuple[str, ...]:
        """Return the names or ids of the fields that hold numbers for measures."""
        return tuple(dict.fromkeys([*([self.points] if self.points else []), *self.others]))

    def lacking(self, issue: Json) -> tuple[str, ...]:
        """Return the fields that an issue does not have itself."""
        return tuple(name for name in self.names if _row(issue, name) is None)

    def named(self, field: object) -> tuple[str, ...]:
        """Return the configured names of a field, given by name or id. Usually at most one."""
        wanted = folded(text(field) or "") if isinstance(field, str) else identifier(field)
        return tuple(name for name in self.names if wanted and folded(name) == wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldValues:
    """The values of these fields of an issue, named as in `Snapshot`; `unclear` says what can't be read."""

    points: float | None
    points_known: bool
    numbers: tuple[Number, ...]
    custom: tuple[CustomValue, ...] = ()
    unclear: tuple[str, ...] = ()


def number_fields_of(connection: Connection) -> NumberFields:
    """Return the fields of a connection's options."""
    points = connection.options.get("points_field")
    return NumberFields(
        points=points if isinstance(points, str) and points else None,
        others=option_texts(connection.options.get("number_fields"), MAX_NUMBER_FIELDS),
        custom=tuple(custom_fields_of(connection.options).values()),
        elsewhere=connection.has_credentials,
    )


def field_values_of(issue: Json, wanted: NumberFields, shown: ProjectValues) -> FieldValues:
    """Return the points, the other numbers and the custom fields of an issue."""
    values = {name: value for name in wanted.numbers for value in _value_if_known(issue, name, wanted, shown)}
    known = {name: value for name, value in values.items() if not isinstance(value, Unreadable)}
    odd = {name: value.shown for name, value in values.items() if isinstance(value, Unreadable)}
    unclear = [f"its {name} is unknown: {shown} is no number" for name, shown in odd.items()]
    points = known.get(wanted.points) if wanted.points else None
    custom = [_custom_value(one, issue, wanted, shown) for one in wanted.custom]
    unclear += [one for one in custom if isinstance(one, str)]
    possible = points is None or 0 <= points <= MAX_POINTS
    return FieldValues(
        points=points if possible else None,
        points_known=not wanted.points or (possible and wanted.points in known),
        numbers=tuple(Number(name, known[name]) for name in wanted.others if name in known),
        custom=tuple(one for one in custom if isinstance(one, CustomValue)),
        unclear=(*unclear, *(() if possible else (f"its points can't be {points:g}, so they are unknown",))),
    )


def _value_if_known(issue: Json, name: str, wanted: NumberFields, shown: ProjectValues) -> tuple[NumberValue, ...]:
    """Return the value of a field, None for an empty one, in a tuple; an empty tuple when it is unknown."""
    row = _row(issue, name)
    if row is not None:
        return (number_value(row.get("value")),)
    if name in shown:
        return (_number_of(shown[name]),)
    return (None,) if "issue_field_values" in issue and not wanted.elsewhere else ()


def _number_of(found: Sequence[Json]) -> NumberValue:
    """Return the first number among values of projects, else what can't be read as one."""
    values = [number_value(next((one[key] for key in ("number", "text", "name") if key in one), None)) for one in found]
    readable = [value for value in values if isinstance(value, float)]
    return next((value for value in (*readable, *values) if value is not None), None)


def _custom_value(
    one: CustomField, issue: Json, wanted: NumberFields, shown: ProjectValues
) -> CustomValue | str | None:
    """Return the value of a custom field; None when it is unknown, a text when that has a reason."""
    row = _row(issue, one.field)
    if row is not None:
        return read_row(one, row)
    found = next(filter(None, shown.get(one.field, ())), None)
    if found:
        return read_node(one, found)
    if OPTIONS_HIDDEN in issue and one.type is FieldType.OPTIONS:
        return None
    if one.field in shown:
        return none_of(one)
    hidden = wanted.elsewhere or "issue_field_values" not in issue
    return None if hidden else none_of(one)


def _row(issue: Json, name: str) -> Json | None:
    wanted = folded(name)
    for row in json_objects(issue.get("issue_field_values")):
        called = text(row.get("issue_field_name")) or ""
        if wanted in (folded(called), identifier(row.get("issue_field_id"))):
            return row
    return None
