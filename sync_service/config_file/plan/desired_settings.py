"""The desired state of the organisation, the teams, and the cycles, whose days are the organisation's."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sync_service.config_file.read import models
from sync_service.config_file.read.errors import FileError, Path, format_value
from sync_service.config_file.read.parse import Document, FileItem
from sync_service.config_file.read.settings_models import Calendar, Organisation, written
from sync_service.config_file.read.state import ORGANISATION, Fields, Key, State
from sync_service.progress.calendars import CalendarError, build_calendar


@dataclass(slots=True)
class SettingsReader:
    """Computes the desired state of settings; collects the errors in `errors`.

    `staying` is what stays of the stored state when the files lack it; `default` is the time zone where there is none.
    """

    document: Document
    stored: State
    staying: State
    default: ZoneInfo
    errors: list[FileError] = field(default_factory=list)

    def _add_error(self, part: FileItem, path: Path, found: str, allowed: str) -> None:
        self.errors.append(part.error_at(path, found, allowed))

    def organisation(self) -> Iterator[tuple[Key, Fields]]:
        """Yield the organisation, if the files have it."""
        for part in self.document.items["organisation"]:
            form: Organisation | None = part.form
            if form:
                self._check_calendar(part, form.calendar)
                yield (
                    ORGANISATION,
                    {
                        "name": form.name or "",
                        "timezone": form.timezone or "",
                        "week_starts": form.week_starts,
                        "thresholds": written(form.thresholds),
                        "calendar": written(form.calendar),
                        "cadence": form.cadence,
                        "grace_days": form.grace_days,
                        "daily_cap": form.daily_cap,
                        "quiet": written(form.quiet),
                        "allowed_domains": list(form.allowed_domains),
                    },
                )

    def teams(self) -> Iterator[tuple[Key, Fields]]:
        """Yield the teams."""
        for part in self.document.items["teams"]:
            form: models.Team | None = part.form
            if form:
                self._check_calendar(part, form.calendar)
                yield (
                    form.slug,
                    {
                        "name": form.name,
                        "parent": form.parent,
                        "timezone": form.timezone or "",
                        "thresholds": written(form.thresholds),
                        "calendar": written(form.calendar),
                        "cadence": form.cadence,
                    },
                )

    def _check_calendar(self, part: FileItem, calendar: Calendar | None) -> None:
        try:
            build_calendar(written(calendar), self.default)
        except CalendarError as error:
            self._add_error(part, ("calendar", error.field), format_value(error.found), error.allowed)

    def cycles(self) -> Iterator[tuple[Key, Fields]]:
        """Yield the cycles; with another time zone also those that the files don't have."""
        zone, named = self._zone(), set[str]()
        for part in self.document.items["cycles"]:
            form: models.Cycle | None = part.form
            if form is None:
                continue
            named.add(form.slug)
            if form.ends < form.starts:
                self._add_error(part, ("ends",), str(form.ends), f"the first day ({form.starts}) or a later one")
            yield form.slug, _cycle(form.name, form.starts, form.ends, zone)
        if zone != self._stored_zone():  # the other cycles move too
            for slug, fields in self.staying["cycles"].items():
                if slug not in named:
                    yield slug, _cycle(fields["name"], fields["starts"], fields["ends"], zone)

    def _zone(self) -> ZoneInfo:
        """Return the organisation's time zone after applying."""
        forms = list(self.document.valid_items("organisation"))
        stays = self.staying["organisation"].get(ORGANISATION, {}).get("timezone")
        return self._named_zone(forms[0].timezone if forms else stays)

    def _stored_zone(self) -> ZoneInfo:
        return self._named_zone(self.stored["organisation"].get(ORGANISATION, {}).get("timezone"))

    def _named_zone(self, name: str | None) -> ZoneInfo:
        return ZoneInfo(name) if name else self.default


def _cycle(name: str, starts: date, ends: date, zone: ZoneInfo) -> Fields:
    return {
        "name": name,
        "starts": starts,
        "ends": ends,
        "starts_at": _midnight(starts, zone),
        "ends_at": _midnight(ends + timedelta(days=1), zone),
    }


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
