"""Which numbers of an issue are read, its points among them: from issue fields, else from projects.

An issue's own field of that name wins where the issue has it. What projects hold is told by GraphQL alone, so where
there are credentials an issue without the field says nothing: its number may stand in a project.
https://docs.github.com/en/rest/issues/issue-field-values
"""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.fields import MOST_NUMBERS, Json, distinct, identifier, number, rows, text
from sync_service.domain.connectors import Connection
from sync_service.domain.issues import Number

Shown = Mapping[str, float | None]
"""What is known beside the issue's own fields: the name as the connection writes it → the number, None for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The fields that a connection reads. `elsewhere`: a number that the issue does not have may be in a project."""

    points: str | None = None
    others: tuple[str, ...] = ()
    elsewhere: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Give the names or ids of all fields, each once."""
        return tuple(dict.fromkeys([*([self.points] if self.points else []), *self.others]))

    def lacking(self, issue: Json) -> tuple[str, ...]:
        """Name the fields that an issue does not have itself."""
        return tuple(name for name in self.names if _row(issue, name) is None)

    def named(self, field: object) -> tuple[str, ...]:
        """Give the names by which a field, told by its name or id, is read: one at most, but for odd settings."""
        told = (text(field) or "").casefold() if isinstance(field, str) else identifier(field)
        return tuple(name for name in self.names if told and name.casefold() == told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What an issue says of these fields, in the words of `Snapshot`."""

    points: float | None
    points_known: bool
    numbers: tuple[Number, ...]


def wanted_of(connection: Connection) -> Wanted:
    """Read the options of a connection."""
    points = connection.options.get("points_field")
    return Wanted(
        points=points if isinstance(points, str) and points else None,
        others=distinct(connection.options.get("number_fields"), MOST_NUMBERS),
        elsewhere=connection.has_credentials,
    )


def numbers_of(issue: Json, wanted: Wanted, shown: Shown) -> Found:
    """Read the points and the other numbers of an issue."""
    known = {name: value for name in wanted.names for value in _known(issue, name, wanted, shown)}
    return Found(
        points=known.get(wanted.points) if wanted.points else None,
        points_known=not wanted.points or wanted.points in known,
        numbers=tuple(Number(name, known[name]) for name in wanted.others if name in known),
    )


def _known(issue: Json, name: str, wanted: Wanted, shown: Shown) -> tuple[float | None, ...]:
    """Give the number of a field, or that there is none; nothing where that is not known."""
    row = _row(issue, name)
    if row is not None:
        return (number(row.get("value")),)
    if name in shown:
        return (shown[name],)
    return (None,) if "issue_field_values" in issue and not wanted.elsewhere else ()


def _row(issue: Json, name: str) -> Json | None:
    wanted = name.casefold()
    for row in rows(issue.get("issue_field_values")):
        called = text(row.get("issue_field_name")) or ""
        if wanted in (called.casefold(), identifier(row.get("issue_field_id"))):
            return row
    return None
