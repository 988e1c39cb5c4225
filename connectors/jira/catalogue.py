"""The fields of a Jira site: found by what they are, since the ids of custom fields differ from site to site.

A site is asked at most once an hour in each process, by whoever calls it anyway; reading uses what is known by then.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-fields/#api-rest-api-3-field-get
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from connectors.fields import Json, exact, identifier, table, text
from sync_service.domain.connectors import Connection, Gone, Refused, Rejected, Unavailable

SPRINT = "com.pyxis.greenhopper.jira:gh-sprint"
EPIC_LINK = "com.pyxis.greenhopper.jira:gh-epic-link"
PARENT_LINK = "com.atlassian.jpo:jpo-custom-field-parent"
ESTIMATE = "com.pyxis.greenhopper.jira:jsw-story-points"
"""The type of the field that team-managed projects estimate in, whatever its name."""

FRESH_SECONDS = 3600.0
STALE_SECONDS = 86_400.0
"""After this long, what is known counts as unknown to reading, so that somebody asks again."""

_MOST = 5000
_FIELD_ID = re.compile(r"customfield_[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A custom field: `custom` is its type's full name, `project` the id of the one project that has it."""

    id: str
    name: str
    custom: str = ""
    is_number: bool = False
    project: str | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The custom fields of a site that its credentials may see. `problem` says why there are none to go by."""

    fields: tuple[Field, ...] = ()
    problem: str | None = None

    def of_type(self, custom: str, *, project: str | None = None) -> tuple[str, ...]:
        """Give the ids of the fields of a type that issues of a project may have."""
        return tuple(one.id for one in self._within(project) if one.custom == custom)

    def numbers_named(self, name: str, *, project: str | None) -> tuple[str, ...]:
        """Give the ids of the numeric fields of a name that issues of a project may have."""
        return tuple(one.id for one in self._within(project) if one.is_number and same_name(one.name, name))

    def _within(self, project: str | None) -> Sequence[Field]:
        return [one for one in self.fields if one.project is None or project is None or one.project == project]


@dataclass(frozen=True, slots=True, kw_only=True)
class Informed(Connection):
    """A connection together with what is known of its site's fields; None: nothing yet."""

    known: Catalogue | None = None


def informed(connection: Connection, known: Catalogue | None) -> Informed:
    """Give a connection with what is known of its fields."""
    return Informed(**{one.name: getattr(connection, one.name) for one in fields(Connection)}, known=known)


def known_to(connection: Connection) -> Catalogue | None:
    """Give what is known of a connection's fields."""
    return connection.known if isinstance(connection, Informed) else None


def is_field_id(field: str) -> bool:
    """Tell an id, by which letters name a custom field, from a name."""
    return _FIELD_ID.fullmatch(field) is not None


def same_name(one: object, other: str) -> bool:
    """Tell whether two names are alike but for case and the space around them."""
    return isinstance(one, str) and one.strip().casefold() == other.strip().casefold()


class Catalogues:
    """Remembers the fields of each connection's site, in this process alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[tuple[str, str], tuple[float, Catalogue]] = {}

    def known(self, connection: Connection) -> Catalogue | None:
        """Give what is known of a connection's fields; makes no call."""
        at, held = self._held.get((connection.slug, connection.site), (0.0, None))
        return held if self._clock() - at < STALE_SECONDS else None

    def fetch(self, connection: Connection, ask: Callable[[], Sequence[Json]]) -> Catalogue:
        """Give the fields of a connection's site, which `ask` fetches where they were not asked for lately.

        A site that does not show them is one whose fields are not known. Raises `Unavailable` where nothing is known.
        """
        name = (connection.slug, connection.site)
        at, held = self._held.get(name, (0.0, None))
        if held is not None and self._clock() - at < FRESH_SECONDS:
            return held
        try:
            found = _read(ask())
        except Unavailable:
            if held is None:
                raise
            return held
        except (Gone, Refused, Rejected) as error:
            # Whoever asks goes on without: if it is the credentials, the next call says so.
            found = Catalogue(problem=f"the site does not show its fields: {error}")
        self._held[name] = (self._clock(), found)
        return found


def _read(answer: Sequence[Json]) -> Catalogue:
    return Catalogue(tuple(one for row in answer[:_MOST] if (one := _field(row))))


def _field(row: Json) -> Field | None:
    found, name = exact(row.get("id")), text(row.get("name"))
    if found is None or name is None or not is_field_id(found):
        return None
    schema = table(row.get("schema"))
    return Field(
        id=found,
        name=name,
        custom=exact(schema.get("custom")) or "",
        is_number=schema.get("type") == "number",
        project=identifier(table(table(row.get("scope")).get("project")).get("id")),
    )
