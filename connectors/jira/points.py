"""An issue's points: Jira keeps them in a custom field, which letters name by id alone.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-fields/
"""

import re

from connectors.fields import Json, number, rows, table, text
from sync_service.domain.connectors import Connection

_FIELD_ID = re.compile(r"customfield_[0-9]{1,18}", re.ASCII)


def points_field(connection: Connection) -> str | None:
    """Give the field as the connection names it: an id (`customfield_10016`) or a name (`Story Points`)."""
    found = connection.options.get("points_field")
    return found.strip() or None if isinstance(found, str) else None


def is_field_id(field: str) -> bool:
    """Tell an id, which every letter and look can be read by, from a name."""
    return _FIELD_ID.fullmatch(field) is not None


def points_in(fields: Json, connection: Connection, *, changelog: Json, field_names: Json) -> tuple[float | None, bool]:
    """Read the points, by the field's id, by the names the answer brought, or from a change that names the field.

    The second part tells whether they are known: a name leads to nothing in a letter that does not name the field.
    """
    field = points_field(connection)
    if field is None:
        return None, True
    if is_field_id(field):
        return number(fields.get(field)), True
    found = [number(fields.get(field_id)) for field_id, name in field_names.items() if _same(name, field)]
    # Jira allows two fields of one name; the one in use for this issue has a value.
    told = [value for value in found if value is not None]
    if told or found:
        return (told[0] if told else None), True
    return _changed_to(fields, changelog, field), bool(_change(changelog, field))


def are_points_unsure(fields: Json, connection: Connection, changelog: Json) -> bool:
    """Tell whether a letter may hold points that its field's name can't lead to."""
    field = points_field(connection)
    if field is None or is_field_id(field):
        return False
    change = _change(changelog, field)
    if change and (not change.get("toString") or _changed_to(fields, changelog, field) is not None):
        return False
    return any(is_field_id(name) and number(value) is not None for name, value in fields.items())


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
    changes = [item for item in rows(changelog.get("items")) if _same(item.get("field"), field)]
    return table(changes[-1]) if changes else {}


def _same(name: object, field: str) -> bool:
    return isinstance(name, str) and name.strip().casefold() == field.casefold()
