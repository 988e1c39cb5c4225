"""What every template can use: formatted words, static files by addresses that change with them, navigation."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from flask import Flask, Response, current_app, g, request, url_for

import sync_service
from sync_service.domain.causes import Cause
from sync_service.domain.pace import WORDS, Status
from sync_service.web import words
from sync_service.web.guards import RANK, Guard, who
from sync_service.web.house import house

STATIC = Path(__file__).parent / "static"
ONE_YEAR = 31_536_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the navigation: shown to those whom its guard lets in, and once its route exists."""

    endpoint: str
    word: str
    icon: str
    guard: Guard


NAVIGATION = (
    Entry("objectives.index", "Objectives", "target", Guard.VIEWER),
    Entry("rules.index", "Rules", "branch", Guard.VIEWER),
    Entry("connections.index", "Connections", "link", Guard.VIEWER),
    Entry("deliveries.index", "Deliveries", "inbox", Guard.ADMIN),
    Entry("mailbox.index", "Mailbox", "mail", Guard.ADMIN),
)


def install(app: Flask) -> None:
    """Give the templates their words, and static files their long life."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        number=words.number,
        amount=words.amount,
        percent=words.percent,
        counted=words.counted,
        ago=ago,
        exact=exact,
        duration=words.duration,
        web_address=web_address,
        sentence=words.sentence,
    )
    app.jinja_env.globals.update(
        asset=asset,
        navigation=navigation,
        who=who,
        may=may,
        changes=changes,
        status_word=status_word,
        delivery_url=delivery_url,
        moved_by=moved_by,
        view_names=app.view_functions,
        version=sync_service.__version__,
    )
    app.after_request(_keep_versioned_files)


def asset(name: str) -> str:
    """Give the address of a static file; it changes with the file's content."""
    return url_for("static", filename=name, v=_version(name))


@cache
def _version(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def _keep_versioned_files(response: Response) -> Response:
    if request.endpoint == "static" and "v" in request.args and response.status_code == 200:
        response.headers["Cache-Control"] = f"public, max-age={ONE_YEAR}, immutable"
    return response


def navigation() -> list[Entry]:
    """Give the pages that the person who is calling may open."""
    return [entry for entry in NAVIGATION if entry.endpoint in current_app.view_functions and may(entry.guard)]


def may(guard: str) -> bool:
    """Tell whether who is calling has this role or a mightier one."""
    person = who()
    return person is not None and RANK[person.role] >= RANK[Guard(guard)]


def zone() -> ZoneInfo:
    """Give the time zone of who is calling, else the organisation's."""
    person = who()
    return ZoneInfo(person.timezone) if person and person.timezone else house().settings.zone


def ago(at: datetime) -> str:
    """Say how far a moment is from now."""
    return words.ago(at, house().now())


def exact(at: datetime) -> str:
    """Write a moment in full, in the time zone of who is calling."""
    return words.exact(at, zone())


def changes() -> int | None:
    """Give the change counter as it stood before the page was made; None where nobody is signed in."""
    found: int | None = g.get("changes")
    return found


def status_word(status: str) -> str:
    """Say a status in words."""
    return WORDS[Status(status)]


def moved_by(causes: Sequence[Cause]) -> str:
    """Say in half a sentence what moved a value: `SHOP-7 closed as done, and 3 more`."""
    if not causes:
        return "settings or the calendar"
    first = causes[0]
    said = f"{first.issue} {first.what}" if first.issue else first.what
    if first.actor and not first.issue:
        said += f" by {first.actor}"
    return said if len(causes) == 1 else f"{said}, and {len(causes) - 1} more"


def delivery_url(cause: Cause) -> str | None:
    """Give the address of the delivery that brought a cause, for those who may open it."""
    if not cause.delivery or "deliveries.index" not in current_app.view_functions or not may(Guard.ADMIN):
        return None
    return url_for("deliveries.index", q=cause.delivery)


def web_address(given: str | None) -> str | None:
    """Give an address that came from a tracker if it is one of the web, else None: it becomes a link."""
    return given if given and given.startswith(("https://", "http://")) else None
