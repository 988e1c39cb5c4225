"""What a mail about key results says: the most telling thing first, then what moved from where to where, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit

from sync_service.domain.causes import Cause
from sync_service.domain.notices import Change, NoticeKind, Standing, kind_of
from sync_service.domain.pace import WORDS, Status
from sync_service.mail.words import amount, clipped, listed, plain

MOST_REASONS = 10
"""Reasons told for one key result; the rest is counted, and stands on its page."""

MOST_HAPPENINGS = 3
"""Things told that happened to one issue, the last ones."""

LONGEST_TITLE = 300
LONGEST_SUBJECT_TITLE = 100

Tone = Literal["good", "warn", "bad", "calm"]

_TONES: dict[Status, Tone] = {
    Status.ON_TRACK: "good",
    Status.COMPLETED: "good",
    Status.AT_RISK: "warn",
    Status.BEHIND: "bad",
}
_GRAVITY = (Status.COMPLETED, Status.ON_TRACK, Status.NO_DATA, Status.AT_RISK, Status.BEHIND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A key result and what to tell of it. `owned`: by the reader, who otherwise owns its objective."""

    slug: str
    title: str
    objective: str
    unit: str
    target: float
    owned: bool
    change: Change


@dataclass(frozen=True, slots=True)
class Reason:
    """What happened to one issue, or to what else has a say; `url` is None where there is nothing to open."""

    issue: str | None
    title: str | None
    url: str | None
    said: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A progress bar in whole percents that add up to 100: what stayed, what was gained or lost, what is missing."""

    stayed: int
    moved: int
    gained: bool

    @property
    def missing(self) -> int:
        """The part not reached."""
        return 100 - self.stayed - self.moved


@dataclass(frozen=True, slots=True)
class Badge:
    """A status in words, and how it feels."""

    words: str
    tone: Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One key result in a mail, ready to be laid out."""

    slug: str
    title: str
    objective: str
    url: str
    headline: str
    tone: Tone
    value: tuple[str, str]
    progress: tuple[str, str] | None
    target: str | None
    status: tuple[Badge, Badge]
    bar: Bar | None
    reasons: tuple[Reason, ...]
    more: int


def subject(sections: Sequence[Section]) -> str:
    """Say the most telling thing first."""
    first, *others = sections
    if not others:
        return f"{first.slug} {first.headline}: {clipped(first.title, LONGEST_SUBJECT_TITLE)}"
    rest = f"{others[0].slug} moved" if len(others) == 1 else f"{len(others)} more moved"
    return f"{first.slug} {first.headline}, and {rest}"


def sections(told: Sequence[Told], *, base_url: str) -> list[Section]:
    """Lay out what is told, what needs its reader most first."""
    return [_section(one, base_url) for one in sorted(told, key=_urgency)]


def because(told: Sequence[Told]) -> str:
    """Say why the reader gets this mail."""
    owned = sorted(plain(one.slug) for one in told if one.owned)
    others = sorted(plain(one.slug) for one in told if not one.owned)
    parts = [listed(owned)] if owned else []
    if others:
        parts.append(f"the objective of {listed(others)}")
    return f"You get this mail because you own {' and '.join(parts)}."


def _section(told: Told, base_url: str) -> Section:
    change, unit = told.change, told.unit
    before, after = change.before, change.after
    reasons = _reasons(change.causes, reopened_first=kind_of(change) is NoticeKind.FELL_BACK)
    is_share = unit == "%" and all(_value_is_progress(one) for one in (before, after))
    return Section(
        slug=plain(told.slug),
        title=clipped(plain(told.title), LONGEST_TITLE),
        objective=clipped(plain(told.objective), LONGEST_TITLE),
        url=f"{base_url}/key-results/{quote(told.slug, safe='')}",
        headline=_headline(change, plain(unit)),
        tone=_tone(change),
        value=(amount(before.value, plain(unit)), amount(after.value, plain(unit))),
        progress=None if is_share else (_progress(before), _progress(after)),
        target=None if is_share else amount(told.target, plain(unit)),
        status=(_badge(before.status), _badge(after.status)),
        bar=_bar(before.progress, after.progress),
        reasons=tuple(reasons[:MOST_REASONS]),
        more=len(reasons[MOST_REASONS:]),
    )


def _value_is_progress(standing: Standing) -> bool:
    if standing.value is None or standing.progress is None:
        return standing.value is standing.progress
    return abs(standing.value - 100 * standing.progress) < 0.05


def _progress(standing: Standing) -> str:
    return amount(None if standing.progress is None else 100 * standing.progress, "%")


def _headline(change: Change, unit: str) -> str:
    kind, after = kind_of(change), change.after
    if kind is NoticeKind.COMPLETED:
        return "completed"
    if kind is NoticeKind.FELL_BACK:
        return f"fell back to {amount(after.value, unit)}"
    if after.status is change.before.status:
        return f"moved to {amount(after.value, unit)}"
    if after.status is Status.NO_DATA:
        return "has no data any more"
    return "is back on track" if after.status is Status.ON_TRACK else f"is now {WORDS[after.status]}"


def _tone(change: Change) -> Tone:
    if kind_of(change) is NoticeKind.FELL_BACK:
        return "bad" if change.after.status is Status.BEHIND else "warn"
    return _TONES.get(change.after.status, "calm")


def _badge(status: Status) -> Badge:
    return Badge(WORDS[status], _TONES.get(status, "calm"))


def _urgency(told: Told) -> int:
    kind = kind_of(told.change)
    if kind is NoticeKind.FELL_BACK:
        return 0
    if kind is NoticeKind.COMPLETED:
        return 2
    return 1 if _gravity(told.change.after.status) > _gravity(told.change.before.status) else 3


def _gravity(status: Status) -> int:
    return _GRAVITY.index(status) if status in _GRAVITY else 0


def _bar(before: float | None, after: float | None) -> Bar | None:
    if after is None:
        return None
    was, now = _whole_percents(before or 0.0), _whole_percents(after)
    return Bar(stayed=min(was, now), moved=abs(now - was), gained=now >= was)


def _whole_percents(fraction: float) -> int:
    """Give 0…100, where only nothing is 0 and only everything is 100."""
    if not 0 < fraction < 1:
        return 0 if fraction <= 0 else 100
    return min(max(round(100 * fraction), 1), 99)


def _reasons(causes: Sequence[Cause], *, reopened_first: bool) -> list[Reason]:
    """Gather causes by issue, the latest first; after a fall, the reopened issues before all others."""
    gathered: dict[object, list[Cause]] = {}
    for cause in causes:
        key = cause.issue or (cause.what, cause.actor)
        gathered[key] = [*gathered.pop(key, []), cause]
    latest = list(reversed(gathered.values()))
    if reopened_first:
        latest.sort(key=lambda happened: not any(cause.reopened for cause in happened))
    return [_reason(happened) for happened in latest]


def _reason(happened: Sequence[Cause]) -> Reason:
    last = happened[-1]
    said = list(dict.fromkeys(_said(cause) for cause in happened))
    return Reason(
        issue=plain(last.issue) if last.issue else None,
        title=clipped(plain(last.title), LONGEST_TITLE) if last.title else None,
        url=last.url if last.url and urlsplit(last.url).scheme in ("http", "https") else None,
        said=", then ".join(said[-MOST_HAPPENINGS:]),
    )


def _said(cause: Cause) -> str:
    """Say what happened and by whose hand: "reopened by ana, no longer linked by rule checkout"."""
    what = plain(cause.what)
    if not cause.actor or what.startswith(("first seen", "found again", "seen again")):
        return what
    done, comma, rest = what.partition(", ")
    return f"{done} by {plain(cause.actor)}{comma}{rest}"


def preview(sections: Sequence[Section]) -> str:
    """Give the line that mail programs show beside the subject."""
    first = sections[0]
    why = first.reasons[0] if first.reasons else None
    reason = " ".join(filter(None, [why.issue, why.title and f"“{clipped(why.title, 60)}”", why.said])) if why else ""
    moved = " → ".join(first.value) if first.value[0] != first.value[1] else first.value[1]
    return ": ".join(filter(None, [moved, reason]))
