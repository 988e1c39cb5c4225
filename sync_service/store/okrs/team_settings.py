"""Settings of teams: each team's own, else its parent team's, else the organisation's, else the default."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.measures.status import DEFAULT_THRESHOLDS, GRACE_DAYS, Span, Thresholds
from sync_service.domain.people.cadence import NEVER, Cadence, parse_cadence
from sync_service.store.engine.database import default_zone
from sync_service.store.tables import organisation, team

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""The names of the days of the week, in the order of `date.weekday()`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings for the key results of a team. `calendar` is as in a file; None: Monday to Friday, no holidays."""

    zone: ZoneInfo
    thresholds: Thresholds = DEFAULT_THRESHOLDS
    calendar: Mapping[str, Any] | None = None
    cadence: Cadence = NEVER

    def span(self, starts: date, ends: date) -> Span:
        """Return a cycle, from its first to its last day, as it begins and ends for these key results."""
        return Span.of_days(starts, ends, self.zone)


@dataclass(slots=True)
class TeamSettings:
    """The settings of all teams. `grace_days` and `week_starts` (Monday is 0) are the organisation's alone."""

    rows: Mapping[int, sa.Row[Any]]
    organisation: sa.Row[Any] | None
    default: ZoneInfo
    _found: dict[int | None, Settings] = field(default_factory=dict)

    @property
    def grace_days(self) -> int:
        """The number of days after the end of a cycle in which its numbers still change."""
        return self.organisation.grace_days if self.organisation else GRACE_DAYS

    @property
    def week_starts(self) -> int:
        """The first day of the week."""
        return WEEKDAYS.index(self.organisation.week_starts) if self.organisation else 0

    def of(self, team_id: int | None) -> Settings:
        """Return the settings of a team; those of the organisation for no team."""
        if team_id not in self._found:
            self._found[team_id] = self._settings(self._line(team_id))
        return self._found[team_id]

    def _line(self, team_id: int | None) -> list[sa.Row[Any]]:
        """Return the rows with settings, the nearest first: the team, its parents, the organisation."""
        line: list[sa.Row[Any]] = []
        passed: set[int] = set()
        while team_id is not None and team_id in self.rows and team_id not in passed:
            passed.add(team_id)
            line.append(self.rows[team_id])
            team_id = self.rows[team_id].parent_id
        return [*line, self.organisation] if self.organisation else line

    def _settings(self, line: list[sa.Row[Any]]) -> Settings:
        return Settings(
            zone=_first(line, "timezone", ZoneInfo, self.default),
            thresholds=_first(line, "thresholds", lambda one: Thresholds(**one), DEFAULT_THRESHOLDS),
            calendar=_first(line, "calendar", dict, None),
            cadence=_first(line, "cadence", parse_cadence, NEVER),
        )


Value = TypeVar("Value")


def _first(line: list[sa.Row[Any]], name: str, read: Callable[[Any], Value], default: Value) -> Value:
    """Return the nearest value that is set."""
    return next((read(written) for row in line if (written := getattr(row, name))), default)


_known: "WeakKeyDictionary[Any, TeamSettings]" = WeakKeyDictionary()
"""The settings that a transaction has read; they are dropped with the transaction."""


def team_settings(tx: Transaction) -> TeamSettings:
    """Return the settings of all teams; read once in a transaction."""
    key = tx.get_transaction()
    found = _known.get(key) if key is not None else None
    if found is None:
        found = _read(tx)
        if key is not None:
            _known[key] = found
    return found


def clear_cache(tx: Transaction) -> None:
    """Read the settings again when they are next asked for: this transaction has changed them."""
    _known.pop(tx.get_transaction(), None)


def organisation_zone(tx: Transaction) -> ZoneInfo:
    """Return the organisation's time zone."""
    return team_settings(tx).of(None).zone


def _read(tx: Transaction) -> TeamSettings:
    names = ("id", "parent_id", "timezone", "thresholds", "calendar", "cadence")
    found = tx.execute(sa.select(*(team.c[name] for name in names)))
    rows = {row.id: row for row in found}
    first = sa.select(organisation).order_by(organisation.c.id).limit(1)
    return TeamSettings(rows, tx.execute(first).one_or_none(), default_zone(tx))
