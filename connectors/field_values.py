"""Read values of custom fields as the type that a connection gives them."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from connectors.json_fields import Json, text, timestamp
from connectors.number_values import Unreadable, number_value
from sync_service.domain.trackers.fields.custom_fields import FieldType
from sync_service.domain.trackers.observations import Account

TEXT_LENGTH = 500
"""Characters stored of a text."""

CUSTOM_FIELDS_HELP = (
    "Custom fields that rules may name, each by a plain name, by id or name, with its type: {team: {field: "
)
"""What the option `fields` is for; an example follows."""

MOST_VALUES = 100
"""Values stored of a field with several."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)

Values = tuple[str, ...] | Unreadable
"""A value as `CustomValue` has it, or one that can't be read as its type."""

Person = Callable[[Json], Account | None]


def read_value(kind: FieldType, value: Any, person: Person | None = None) -> Values:
    """Read a value of a type; () where the field is empty. `person` reads an account."""
    if value in (None, "", [], {}):
        return ()
    if kind is FieldType.NUMBER:
        return _number(value)
    if kind is FieldType.DATE:
        return _date(value)
    listed = value if isinstance(value, list) else [value]
    if kind is FieldType.PERSON:
        read = [_person(one, person) for one in listed[:MOST_VALUES]]
    elif kind is FieldType.TEXT:
        read = [_text(value)]
    else:
        read = [name for one in listed[:MOST_VALUES] for name in _option(one)]
    if None in read:
        return Unreadable(_shown(value))
    return tuple(sorted({one for one in read if one}))


def _number(value: Any) -> Values:
    found = number_value(value)
    return found if isinstance(found, Unreadable) else () if found is None else (repr(found),)


def _date(value: Any) -> Values:
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return (date.fromisoformat(value).isoformat(),)
        except ValueError:
            return Unreadable(value)
    found = timestamp(value) if isinstance(value, str) else None
    return (found.isoformat(),) if found else Unreadable(_shown(value))


def _text(value: Any) -> str | None:
    if isinstance(value, dict):
        value = next((value[key] for key in ("value", "name") if isinstance(value.get(key), str)), None)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}"
    return (text(value, TEXT_LENGTH) or "") if isinstance(value, str) else None


def _option(value: Any) -> Iterator[str | None]:
    """Yield the name of an option; of a cascading one also both names, as Jira shows them."""
    name = _text(value)
    yield name
    child = value.get("child") if isinstance(value, dict) else None
    if name and isinstance(child, dict) and (below := _text(child)):
        yield f"{name} - {below}"


def _person(value: Any, person: Person | None) -> str | None:
    found = person(value) if person and isinstance(value, dict) else None
    return None if found is None else found.id + (f"\t{found.stable_id}" if found.stable_id else "")


def _shown(value: Any) -> str:
    return text(value, 40) or ("a list" if isinstance(value, list) else "its value")
