"""The settings of a measure: which there are for each kind, their defaults, and how they are parsed."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sync_service.domain.measures.kinds.meets import Meets
from sync_service.domain.measures.setting_values import REQUIRED, MeasureError, Step, one_of, parse_setting
from sync_service.domain.text import did_you_mean, folded

__all__ = ["DEFAULTS", "SETTINGS", "Measure", "MeasureError", "Step", "parse_measure"]

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "done-share": {"weight": "count", "unestimated": 1, "doing": 0, "dropped": "leave", "within": "ever"},
    "done-count": {"within": "cycle"},
    "done-sum": {"field": "points", "unestimated": 0, "within": "cycle"},
    "open-count": {},
    "open-sum": {"field": "points", "unestimated": 0},
    "field": {"field": REQUIRED, "take": "sum"},
    "lead-time": {"take": "median", "days": "calendar", "window": "30d"},
    "cycle-time": {"take": "median", "days": "calendar", "window": "30d"},
    "throughput": {"window": "4w"},
    "share-meeting": {"meets": REQUIRED, "days": "calendar"},
    "steps": {"steps": REQUIRED},
    "manual": {},
}
"""The kinds of measure, each with the settings it takes and their defaults."""

SETTINGS: Mapping[str, tuple[str, ...]] = {kind: tuple(defaults) for kind, defaults in DEFAULTS.items()}
"""The kinds of measure, each with the settings it takes."""

_DURATION_STARTS = {"lead-time": "created_at", "cycle-time": "started_at"}
_NUMBER_SOURCES = {"lead_time": "created_at", "cycle_time": "started_at", "reopened": "reopened"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A measure with its settings, as `parse_measure` returns it: each kind has defaults of its own.

    `weight` is `count`, `points` or a number field; `take`, `days`, `window`, `dropped` and `within` are as written.
    """

    kind: str
    weight: str = "count"
    unestimated: float = 0.0
    doing: float = 0.0
    dropped: str = "leave"
    within: str = "ever"
    field: str = "points"
    take: str = "sum"
    days: str = "calendar"
    window: str = "cycle"
    meets: Meets | None = None
    steps: tuple[Step, ...] = ()

    @property
    def number_field(self) -> str | None:
        """Return the number field that it reads: `points`, another one by name, or None."""
        if self.kind == "done-share":
            return None if self.weight == "count" else self.weight
        return self.field if "field" in SETTINGS[self.kind] else None

    @property
    def tallied(self) -> bool:
        """Return whether it is computed from tallies; otherwise from single contributions, if it reads any."""
        if self.kind == "field":
            return self.take in ("sum", "average")
        return self.kind in ("done-share", "done-count", "done-sum", "open-count", "open-sum")

    @property
    def reads(self) -> frozenset[str]:
        """Return the fields of contributions that it reads."""
        if self.kind in ("steps", "manual"):
            return frozenset()
        return frozenset({"state", *self._closing(), *self._numbers(), *self._share(), *self._durations()})

    def _closing(self) -> Iterable[str]:
        windowed = "window" in SETTINGS[self.kind] or (self.meets is not None and self.meets.has_duration)
        if windowed or ("within" in SETTINGS[self.kind] and self.within == "cycle"):
            yield "closed_at"

    def _numbers(self) -> Iterable[str]:
        if self.number_field is not None:
            yield "number"
        if self.kind == "field" and self.take == "latest":
            yield "number_at"

    def _share(self) -> Iterable[str]:
        if self.kind in ("done-share", "share-meeting"):
            yield "weight"
        if self.meets is not None and self.meets.other is not None:
            yield "met"

    def _durations(self) -> Iterable[str]:
        if self.kind in _DURATION_STARTS:
            yield _DURATION_STARTS[self.kind]
        if self.meets is not None:
            yield from (_NUMBER_SOURCES[name] for name in self.meets.fields)

    @property
    def reads_time(self) -> bool:
        """Return whether its value changes as days pass, without any change of an issue."""
        return "window" in SETTINGS[self.kind] or (self.meets is not None and self.meets.has_duration)

    @property
    def percentile(self) -> int:
        """Return the percentile that `take` names; the median is the 50th."""
        return 50 if self.take == "median" else int(self.take[1:])

    @property
    def window_days(self) -> int | None:
        """Return the days of the window; None: it is the cycle."""
        if self.window == "cycle":
            return None
        return int(self.window[:-1]) * (7 if self.window.endswith("w") else 1)


def parse_measure(settings: Mapping[str, Any], number_fields: Collection[str] | None = None) -> Measure:
    """Parse a measure of the configuration file. Raise `MeasureError` when it is invalid.

    `number_fields` are the names of the number fields that connections read; None: any name is allowed.
    """
    kind = settings.get("kind")
    if not isinstance(kind, str) or kind not in DEFAULTS:
        raise MeasureError("kind", kind, "one of " + ", ".join(DEFAULTS) + did_you_mean(kind, DEFAULTS))
    for name in settings:
        if name != "kind" and name not in DEFAULTS[kind]:
            allowed = ", ".join(DEFAULTS[kind]) or "no setting"
            raise MeasureError(str(name), settings[name], f"for {kind}: {allowed}{did_you_mean(name, DEFAULTS[kind])}")
    given = {**DEFAULTS[kind], **settings}
    parsed = {name: parse_setting(name, given[name], kind) for name in DEFAULTS[kind]}
    measure = Measure(kind=kind, **parsed)
    if number_fields is not None:
        _check_field(measure, number_fields)
    return measure


def _check_field(measure: Measure, number_fields: Collection[str]) -> None:
    """Raise `MeasureError` when the measure reads a number field that no connection reads."""
    name, known = measure.number_field, dict.fromkeys(["points", *sorted(number_fields)])
    if name is None or folded(name) in map(folded, known):
        return
    setting = "weight" if measure.kind == "done-share" else "field"
    words = ["count", *known] if setting == "weight" else list(known)
    raise MeasureError(setting, name, one_of(words) + did_you_mean(name, words))
