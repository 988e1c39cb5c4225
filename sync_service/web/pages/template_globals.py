"""Jinja filters and globals: number and date formats, static file URLs with a content hash, navigation."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from flask import Flask, Response, current_app, g, request, url_for

import sync_service
from sync_service.domain.measures.parts_text import change_text
from sync_service.domain.measures.status import STATUS_TEXT, Status
from sync_service.domain.text import amount, counted, number, percent, sentence
from sync_service.domain.trackers.causes import Cause
from sync_service.store.engine.database import reading
from sync_service.store.okrs.team_settings import organisation_zone
from sync_service.store.queue.rate_limits import bucket_words
from sync_service.web.pages import formats
from sync_service.web.request import live_refresh
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, current_caller, may, owns

STATIC = Path(__file__).parents[1] / "static"
ONE_YEAR = 31_536_000


@dataclass(frozen=True, slots=True)
class NavigationEntry:
    """A page in the navigation, shown to callers that its guard allows."""

    endpoint: str
    word: str
    icon: str
    guard: Guard
    others: tuple[str, ...] = ()  # blueprints of pages that belong to it


NAVIGATION = (
    NavigationEntry("home.show", "Home", "home", Guard.VIEWER),
    NavigationEntry("objectives.index", "Objectives", "target", Guard.VIEWER),
    NavigationEntry("rules.index", "Rules", "branch", Guard.VIEWER),
    NavigationEntry("connections.index", "Connections", "link", Guard.VIEWER),
    NavigationEntry("deliveries.index", "Deliveries", "inbox", Guard.ADMIN),
    NavigationEntry("settings.show", "Settings", "settings", Guard.ADMIN, ("mailbox", "audit")),
)

SETTINGS = (
    NavigationEntry("settings.show", "Organisation", "settings", Guard.ADMIN),
    NavigationEntry("settings_lists.people", "People", "people", Guard.MEMBER),
    NavigationEntry("settings_lists.teams", "Teams", "branch", Guard.VIEWER),
    NavigationEntry("settings_lists.cycles", "Cycles", "clock", Guard.VIEWER),
    NavigationEntry("mailbox.index", "Mailbox", "mail", Guard.ADMIN),
    NavigationEntry("audit.index", "Audit", "pencil", Guard.ADMIN),
)
"""The pages that the entry Settings leads to."""


def install(app: Flask) -> None:
    """Register the filters and globals, and let browsers cache static files for a year."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        number=number,
        amount=amount,
        percent=percent,
        bucket_words=bucket_words,
        bar_length=formats.bar_length,
        counted=counted,
        change_text=change_text,
        ago=ago,
        exact=exact,
        day=formats.day,
        duration=formats.duration,
        web_address=web_address,
        live_block=live_refresh.live_block,
        sentence=sentence,
    )
    app.jinja_env.globals.update(
        asset=asset,
        navigation=navigation,
        settings_entries=settings_entries,
        who=current_caller,
        may=may,
        owns=owns,
        changes=changes,
        is_refresh=live_refresh.is_refresh,
        status_word=status_word,
        delivery_url=delivery_url,
        moved_by=moved_by,
        view_names=app.view_functions,
        version=sync_service.__version__,
    )
    app.after_request(_cache_versioned_files)


def asset(name: str) -> str:
    """Return the URL of a static file; it changes with the file's content."""
    return url_for("static", filename=name, v=_version(name))


@cache
def _version(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def _cache_versioned_files(response: Response) -> Response:
    if request.endpoint == "static" and "v" in request.args and response.status_code == 200:
        response.headers["Cache-Control"] = f"public, max-age={ONE_YEAR}, immutable"
    return response


def navigation() -> list[NavigationEntry]:
    """Return the navigation entries that the caller may open."""
    return _open_to_caller(NAVIGATION)


def settings_entries() -> list[NavigationEntry]:
    """Return the pages of settings that the caller may open."""
    return _open_to_caller(SETTINGS)


def _open_to_caller(entries: Sequence[NavigationEntry]) -> list[NavigationEntry]:
    return [entry for entry in entries if entry.endpoint in current_app.view_functions and may(entry.guard)]


def zone() -> ZoneInfo:
    """Return the caller's time zone, else the organisation's."""
    person = current_caller()
    return ZoneInfo(person.timezone) if person and person.timezone else _organisation_zone()


def _organisation_zone() -> ZoneInfo:
    """Return the organisation's time zone, read once for each page."""
    if "organisation_zone" not in g:
        with reading(services().engine) as tx:
            g.organisation_zone = organisation_zone(tx)
    found: ZoneInfo = g.organisation_zone
    return found


def ago(at: datetime) -> str:
    """Return how long ago a moment is, in words; an old one as a date in the caller's time zone."""
    return formats.ago(at, services().now(), zone())


def exact(at: datetime) -> str:
    """Return a moment in full, in the caller's time zone."""
    return formats.exact(at, zone())


def changes() -> int | None:
    """Return the change counter as read before the page was rendered; None when nobody is signed in."""
    counter: int | None = g.get("changes")
    return counter


def status_word(status: str) -> str:
    """Return a status in words."""
    return STATUS_TEXT[Status(status)]


def moved_by(causes: Sequence[Cause]) -> str:
    """Return what moved a value, in a few words: `SHOP-7 closed as done, and 3 more`."""
    if not causes:
        return "settings or the calendar"
    first = causes[0]
    text = f"{first.issue} {first.what}" if first.issue else first.what
    if first.actor and not first.issue:
        text += f" by {first.actor}"
    return text if len(causes) == 1 else f"{text}, and {len(causes) - 1} more"


def delivery_url(cause: Cause) -> str | None:
    """Return the URL of the delivery that caused a change; None when the caller may not open it."""
    if not cause.delivery or "deliveries.index" not in current_app.view_functions or not may(Guard.ADMIN):
        return None
    return url_for("deliveries.index", q=cause.delivery)


def web_address(given: str | None) -> str | None:
    """Return an address from a tracker if it is http(s) and so safe as a link, else None."""
    return given if given and given.startswith(("https://", "http://")) else None
