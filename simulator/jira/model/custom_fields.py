"""Custom fields of the simulated Jira, which its administrators made."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

TYPES = "com.atlassian.jira.plugin.system.customfieldtypes"

_KINDS = {
    "textfield": {"type": "string"},
    "float": {"type": "number"},
    "datepicker": {"type": "date"},
    "datetime": {"type": "datetime"},
    "select": {"type": "option"},
    "cascadingselect": {"type": "option-with-child"},
    "multiselect": {"type": "array", "items": "option"},
    "userpicker": {"type": "user"},
    "multiuserpicker": {"type": "array", "items": "user"},
}


@dataclass(frozen=True, kw_only=True)
class CustomField:
    """A custom field; `kind` is Jira's name of its type, such as `select`."""

    id: str
    name: str
    kind: str

    @property
    def schema(self) -> dict[str, Any]:
        """How `GET /field` describes its values."""
        number = int(self.id.removeprefix("customfield_"))
        return {**_KINDS[self.kind], "custom": f"{TYPES}:{self.kind}", "customId": number}


class CustomFields:
    """The custom fields of a site."""

    def __init__(self) -> None:
        self._named: dict[str, CustomField] = {}

    def __iter__(self) -> Iterator[CustomField]:
        return iter([*self._named.values()])

    def named(self, name: str, kind: str = "select") -> CustomField:
        """Return the field of a name; create it if it does not exist."""
        made = CustomField(id=f"customfield_{10201 + len(self._named)}", name=name, kind=kind)
        return self._named.setdefault(name, made)


def shown(value: Any) -> str | None:
    """Return a value as a changelog shows it."""
    if isinstance(value, list):
        return ", ".join(filter(None, map(shown, value))) or None
    if isinstance(value, dict):
        return str(value.get("value") or value.get("displayName") or value.get("name"))
    return None if value is None else str(value)
