"""Field catalogue of a Jira site: finds custom fields by type or name, since their ids differ from site to site.

Each process fetches it at most once an hour, when it calls the site anyway; webhooks are parsed with what is cached.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-fields/#api-rest-api-3-field-get
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from connectors.jira.api.identity import Stranger
from connectors.json_fields import Json, exact_text, identifier, json_object, text
from sync_service.domain.trackers.connector import Connection, Gone, Refused, Rejected, Unavailable

SPRINT = "com.pyxis.greenhopper.jira:gh-sprint"
EPIC_LINK = "com.pyxis.greenhopper.jira:gh-epic-link"
PARENT_LINK = "com.atlassian.jpo:jpo-custom-field-parent"
ESTIMATE = "com.pyxis.greenhopper.jira:jsw-story-points"
"""Type of the estimate field of team-managed projects, whatever its name."""

FRESH_SECONDS = 3600.0
STALE_SECONDS = 86_400.0
"""After this long, webhook parsing treats a cached catalogue as unknown, so that it is fetched again."""

_HOLD_NUMBERS = frozenset({"number", "string", "option", "array", "any"})

_MOST = 5000
_MOST_CLAUSES = 5
_FIELD_ID = re.compile(r"customfield_[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A custom field: `custom` is the full name of its type, `project` the id of the only project that has it.

    `kind` is the type of its values in JSON (`number`, `string`, `option`), of an `array` `items` the type of each.
    `untranslated` is its name before Jira translated it; `clauses` are its names in JQL.
    """

    id: str
    name: str
    custom: str = ""
    kind: str = ""
    items: str = ""
    project: str | None = None
    untranslated: str = ""
    clauses: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """Return whether its values are numbers."""
        return self.kind == "number"

    @property
    def may_hold_numbers(self) -> bool:
        """Return whether people may keep numbers in it: a text, an option, a label."""
        return self.kind in _HOLD_NUMBERS


@dataclass(frozen=True, slots=True)
class FieldCatalogue:
    """The custom fields of a site that its credentials may see. `problem` says why they are unknown."""

    fields: tuple[Field, ...] = ()
    problem: str | None = None

    def of_type(self, custom: str, *, project: str | None = None) -> tuple[str, ...]:
        """Return the ids of the fields of a type that issues of a project may have."""
        return tuple(one.id for one in self._within(project) if one.custom == custom)

    def numbers_named(self, name: str, *, project: str | None) -> tuple[str, ...]:
        """Return the ids of the fields with a name that issues of a project may have, and that may hold numbers.

        Numeric fields win. A name as shown wins over the name before translation, and that over the name in JQL.
        """
        within = [one for one in self._within(project) if one.may_hold_numbers]
        for numeric in (True, False):
            of_type = [one for one in within if one.is_number is numeric]
            for is_named in _NAMES:
                if found := tuple(one.id for one in of_type if is_named(one, name)):
                    return found
        return ()

    def named(self, name: str, *, project: str | None = None) -> tuple[Field, ...]:
        """Return the fields with a name that issues of a project may have; the strongest kind of name wins."""
        within = self._within(project)
        return next(
            (found for is_named in _NAMES if (found := tuple(one for one in within if is_named(one, name)))), ()
        )

    def _within(self, project: str | None) -> Sequence[Field]:
        return [one for one in self.fields if one.project is None or project is None or one.project == project]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionWithFields(Connection):
    """A connection with the field catalogue of its site; None: not fetched yet."""

    known: FieldCatalogue | None = None


def add_field_catalogue(connection: Connection, known: FieldCatalogue | None) -> ConnectionWithFields:
    """Return a connection with its field catalogue."""
    return ConnectionWithFields(**{one.name: getattr(connection, one.name) for one in fields(Connection)}, known=known)


def field_catalogue_of(connection: Connection) -> FieldCatalogue | None:
    """Return the field catalogue of a connection; None when it is not known."""
    return connection.known if isinstance(connection, ConnectionWithFields) else None


def is_field_id(field: str) -> bool:
    """Return True for the id of a custom field, as webhooks name it, False for a field's name."""
    return _FIELD_ID.fullmatch(field) is not None


def same_name(one: object, other: str) -> bool:
    """Return whether two names are equal, ignoring case and surrounding space."""
    return isinstance(one, str) and one.strip().casefold() == other.strip().casefold()


_NAMES: tuple[Callable[[Field, str], bool], ...] = (
    lambda field, name: same_name(field.name, name),
    lambda field, name: same_name(field.untranslated, name),
    lambda field, name: any(same_name(clause, name) for clause in field.clauses),
)
"""The names of a field, the strongest first."""


class FieldCatalogueCache:
    """Cache of the field catalogue of each connection's site, per process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._cached: dict[tuple[str, str], tuple[float, FieldCatalogue]] = {}

    def known(self, connection: Connection) -> FieldCatalogue | None:
        """Return the cached catalogue of a connection, None when it is absent or stale. Makes no call."""
        at, cached = self._cached.get((connection.slug, connection.site), (0.0, None))
        return cached if self._clock() - at < STALE_SECONDS else None

    def fetch(self, connection: Connection, ask: Callable[[], Sequence[Json]]) -> FieldCatalogue:
        """Return the catalogue of a connection's site; `ask` fetches it when the cached one is not fresh.

        When the site does not show its fields, return a catalogue with a `problem`. Raise `Unavailable` when Jira can't
        answer and nothing is cached, and `Stranger` when it answers without regard to the credentials: a stranger sees
        no custom fields.
        """
        key = (connection.slug, connection.site)
        at, cached = self._cached.get(key, (0.0, None))
        if cached is not None and self._clock() - at < FRESH_SECONDS:
            return cached
        try:
            found = _read(ask())
        except Unavailable:
            if cached is None:
                raise
            return cached
        except Stranger:
            raise
        except (Gone, Refused, Rejected) as error:
            # The caller goes on without the catalogue: if the credentials are bad, its next call says so.
            found = FieldCatalogue(problem=f"the site does not show its fields: {error}")
        self._cached[key] = (self._clock(), found)
        return found


def _read(answer: Sequence[Json]) -> FieldCatalogue:
    return FieldCatalogue(tuple(one for row in answer[:_MOST] if (one := _field(row))))


def _field(row: Json) -> Field | None:
    found, name = exact_text(row.get("id")), text(row.get("name"))
    if found is None or name is None or not is_field_id(found):
        return None
    schema = json_object(row.get("schema"))
    return Field(
        id=found,
        name=name,
        custom=exact_text(schema.get("custom")) or "",
        kind=exact_text(schema.get("type")) or "",
        items=exact_text(schema.get("items")) or "",
        project=identifier(json_object(json_object(row.get("scope")).get("project")).get("id")),
        untranslated=text(row.get("untranslatedName")) or "",
        clauses=_clauses(row.get("clauseNames")),
    )


def _clauses(names: object) -> tuple[str, ...]:
    """Return the names of a field in JQL, without `cf[10026]`."""
    listed = names if isinstance(names, list) else []
    return tuple(name for one in listed[:_MOST_CLAUSES] if (name := text(one)) and not name.startswith("cf["))
