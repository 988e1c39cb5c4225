"""Issue fields: values that an organisation defines for its issues, such as a number of points.

https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/managing-issue-fields-in-your-organization
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

FieldType = Literal["text", "date", "number", "single_select"]
FieldValue = str | float
"""A text, an ISO date, a number, or the name of an option."""


@dataclass(frozen=True)
class IssueField:
    """A field; `options` are the choices of a `single_select`, each with its id."""

    id: int
    node_id: str
    name: str
    type: FieldType
    created: datetime
    options: tuple[tuple[int, str], ...] = ()

    def check(self, value: FieldValue) -> None:
        """Raise `ValueError` for a value that the field cannot have."""
        valid: Any = {
            "number": isinstance(value, int | float),
            "single_select": value in [name for _, name in self.options],
        }.get(self.type, isinstance(value, str))
        if not valid:
            raise ValueError(f"{value!r} is not a {self.type} that the field {self.name} can have")


@dataclass(frozen=True)
class ChangedField:
    """A field, to be written as the webhook of a changed value names it."""

    field: IssueField


@dataclass(frozen=True)
class ChangedValue:
    """A value of a field, to be written as the webhook of a changed value shows it."""

    field: IssueField
    value: FieldValue
