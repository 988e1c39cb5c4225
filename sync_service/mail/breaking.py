"""What a mail about a broken connection says: what is broken since when, what is stale by it, and how to mend it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from sync_service.mail.words import clipped, listed, plain
from sync_service.store.breakings import Broken, GoneScope

MOST_LISTED = 10
"""Scopes and key results named in one mail; the rest is counted."""

LONGEST_TITLE = 300
LONGEST_SUBJECT_NAME = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One thing in a list of a mail; `url` is None where there is nothing to open."""

    name: str
    said: str
    url: str | None = None


def told(broken: Broken, *, base_url: str) -> dict[str, Any]:
    """Lay out what is to be told: what the templates of `broken` ask for."""
    slug = plain(broken.slug)
    headline = _headline(broken)
    stale = [
        Line(plain(one.slug), clipped(plain(one.title), LONGEST_TITLE), f"{base_url}/key-results/{_quoted(one.slug)}")
        for one in broken.stale
    ]
    gone = _gathered(broken.gone)
    return {
        "subject": f"{clipped(slug, LONGEST_SUBJECT_NAME)} broke: {headline}",
        "preview": _preview(broken),
        "slug": slug,
        "site": plain(broken.site),
        "headline": f"{headline[0].upper()}{headline[1:]}",
        "since": _moment(broken.refused[0]) if broken.refused else None,
        "words": clipped(plain(broken.refused[1]), LONGEST_TITLE) if broken.refused else None,
        "gone": gone[:MOST_LISTED],
        "more_gone": len(gone[MOST_LISTED:]),
        "stale": stale[:MOST_LISTED],
        "more_stale": len(stale[MOST_LISTED:]),
        "mends": _mends(broken),
        "page": f"{base_url}/connections/{_quoted(broken.slug)}",
        "command": f"okr-sync doctor {slug}",
        "because": _because(broken, slug),
        "base_url": base_url,
    }


def _gathered(gone: Sequence[GoneScope]) -> list[Line]:
    """Name scopes that went at once for one reason together."""
    together: dict[tuple[str, datetime], list[str]] = {}
    for one in gone:
        together.setdefault((plain(one.reason), one.since), []).append(clipped(plain(one.name), LONGEST_TITLE))
    return [Line(_named(names), f"{reason}, since {_moment(since)}") for (reason, since), names in together.items()]


def _named(names: list[str]) -> str:
    rest = len(names) - MOST_LISTED
    return listed([*names[:MOST_LISTED], f"{rest} more"] if rest > 0 else names)


def _headline(broken: Broken) -> str:
    parts = ["the tracker refuses our credentials"] if broken.refused else []
    if len(broken.gone) == 1:
        parts.append(f"{clipped(plain(broken.gone[0].name), LONGEST_SUBJECT_NAME)} can no longer be watched")
    elif broken.gone:
        parts.append(f"{len(broken.gone)} scopes can no longer be watched")
    return ", and ".join(parts)


def _preview(broken: Broken) -> str:
    count = len(broken.stale)
    stale = "no key result reaches it" if not count else f"{count} key result{'s are' if count > 1 else ' is'} stale"
    words = broken.refused[1] if broken.refused else broken.gone[0].reason
    return f"{stale[0].upper()}{stale[1:]}. {clipped(plain(words), LONGEST_TITLE)}"


def _mends(broken: Broken) -> Sequence[str]:
    """Say what may be done; what to do precisely is found by `okr-sync doctor`."""
    mends = []
    if broken.refused:
        mends.append(
            "Give the connection a new token or app, which is used at once, or mend at the tracker what it says: that "
            "is noticed within the hour. Webhooks are still taken and applied meanwhile."
        )
    if broken.gone:
        mends.append(
            "A scope that was hidden, or whose app was suspended or uninstalled, is back as soon as the tracker shows "
            "it again. One that was deleted should be taken out of the connection, and out of the rules that name it."
        )
    return mends


def _because(broken: Broken, slug: str) -> str:
    if broken.owned:
        return f"You get this mail because you own the connection {slug}."
    return f"You get this mail because you are an admin, and nobody owns the connection {slug}."


def _moment(at: datetime) -> str:
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def _quoted(slug: str) -> str:
    return quote(slug, safe="")
