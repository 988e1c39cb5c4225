"""The view model of a connection alert mail: what is broken since when, which values are stale, and how to fix it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from sync_service.domain.text import clipped, listed, plain
from sync_service.store.views.connection_alert import ConnectionAlert, GoneScope

MOST_LISTED = 10
"""Scopes and key results named in one mail; the rest is only counted."""

LONGEST_TITLE = 300
LONGEST_SUBJECT_NAME = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a list in a mail; `url` is None where there is nothing to open."""

    name: str
    detail: str
    url: str | None = None


def view_model(broken: ConnectionAlert, *, base_url: str) -> dict[str, Any]:
    """Return the variables of the `broken` templates."""
    slug = plain(broken.slug)
    headline = _headline(broken)
    stale = [
        Line(plain(one.slug), clipped(plain(one.title), LONGEST_TITLE), f"{base_url}/key-results/{_quoted(one.slug)}")
        for one in broken.stale
    ]
    gone = _grouped(broken.gone)
    return {
        "subject": f"{clipped(slug, LONGEST_SUBJECT_NAME)} broke: {headline}",
        "preview": _preview(broken),
        "slug": slug,
        "site": plain(broken.site),
        "headline": f"{headline[0].upper()}{headline[1:]}" if broken.refused else headline,  # a name keeps its case
        "since": _moment(broken.refused[0]) if broken.refused else None,
        "message": clipped(plain(broken.refused[1]), LONGEST_TITLE) if broken.refused else None,
        "gone": gone[:MOST_LISTED],
        "more_gone": len(gone[MOST_LISTED:]),
        "stale": stale[:MOST_LISTED],
        "more_stale": len(stale[MOST_LISTED:]),
        "fixes": _fixes(broken),
        "page": f"{base_url}/connections/{_quoted(broken.slug)}",
        "command": f"okr-sync doctor {slug}",
        "because": _because(broken, slug),
        "base_url": base_url,
    }


def _grouped(gone: Sequence[GoneScope]) -> list[Line]:
    """Group scopes that went at the same time for the same reason into one line."""
    names_by_cause: dict[tuple[str, datetime], list[str]] = {}
    for one in gone:
        names_by_cause.setdefault((plain(one.reason), one.since), []).append(clipped(plain(one.name), LONGEST_TITLE))
    return [
        Line(_joined(names), f"{reason}, since {_moment(since)}") for (reason, since), names in names_by_cause.items()
    ]


def _joined(names: list[str]) -> str:
    rest = len(names) - MOST_LISTED
    return listed([*names[:MOST_LISTED], f"{rest} more"] if rest > 0 else names)


def _headline(broken: ConnectionAlert) -> str:
    parts = ["the tracker refuses our credentials"] if broken.refused else []
    if len(broken.gone) == 1:
        parts.append(f"{clipped(plain(broken.gone[0].name), LONGEST_SUBJECT_NAME)} can no longer be watched")
    elif broken.gone:
        parts.append(f"{len(broken.gone)} scopes can no longer be watched")
    return ", and ".join(parts)


def _preview(broken: ConnectionAlert) -> str:
    count = len(broken.stale)
    stale = "no key result depends on it" if not count else f"{count} key result{'s are' if count > 1 else ' is'} stale"
    message = broken.refused[1] if broken.refused else broken.gone[0].reason
    return f"{stale[0].upper()}{stale[1:]}. {clipped(plain(message), LONGEST_TITLE)}"


def _fixes(broken: ConnectionAlert) -> Sequence[str]:
    """Return the ways to fix it in general; `okr-sync doctor` finds the exact one."""
    fixes = []
    if broken.refused:
        fixes.append(
            "Give the connection a new token or app, which is used at once. Or fix at the tracker what its message "
            "says: we notice that within an hour. Webhooks are still received and applied meanwhile."
        )
    if broken.gone:
        fixes.append(
            "A scope that was hidden, or whose app was suspended or uninstalled, works again as soon as the tracker "
            "shows it. Remove a deleted scope from the connection, and from the rules that name it."
        )
    return fixes


def _because(broken: ConnectionAlert, slug: str) -> str:
    if broken.owned:
        return f"You get this mail because you own the connection {slug}."
    return f"You get this mail because you are an admin, and nobody owns the connection {slug}."


def _moment(at: datetime) -> str:
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def _quoted(slug: str) -> str:
    return quote(slug, safe="")
