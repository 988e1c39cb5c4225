"""Subject and view model of a key result mail: the most important change first, then what moved, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from sync_service.domain.measures.status import STATUS_TEXT, Status, Thresholds
from sync_service.domain.measures.status_text import threshold_clause
from sync_service.domain.people.notices import Change, KeyResultState, NoticeKind, kind_of
from sync_service.domain.text import amount, clipped, goal, listed, percent, plain, whole_percents
from sync_service.domain.trackers.causes import SEEN_WITH, UNSPECIFIED_CHANGE, Cause

MOST_REASONS = 10
"""Reasons shown for one key result; the rest is counted, and shown on the key result's page."""

MOST_CHANGES = 3
"""Changes shown for one issue: the last ones."""

LONGEST_TITLE = 300
LONGEST_SUBJECT_TITLE = 100

Tone = Literal["good", "warn", "bad", "calm"]

_TONES: dict[Status, Tone] = {
    Status.ON_TRACK: "good",
    Status.COMPLETED: "good",
    Status.AT_RISK: "warn",
    Status.BEHIND: "bad",
}
_SEVERITY = (Status.COMPLETED, Status.ON_TRACK, Status.NO_DATA, Status.AT_RISK, Status.BEHIND)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeItem:
    """A key result and its change. `owned`: the reader owns it, otherwise its objective.

    `thresholds` and `expected`, the progress expected now, decide its status. `proposed` waits for the owner.
    """

    slug: str
    title: str
    objective: str
    unit: str
    target: float | None
    stay: Mapping[str, Any] | None
    owned: bool
    change: Change
    thresholds: Thresholds
    expected: float
    proposed: float | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """What happened to one issue, or another cause; `url` is None where there is nothing to open."""

    issue: str | None
    title: str | None
    url: str | None
    what: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A progress bar in whole percents with the sum of 100: what stayed, what was gained or lost, what is missing."""

    stayed: int
    moved: int
    gained: bool

    @property
    def missing(self) -> int:
        """The percents not reached."""
        return 100 - self.stayed - self.moved


@dataclass(frozen=True, slots=True)
class Badge:
    """A status in words, and its tone."""

    words: str
    tone: Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One key result in a mail, as the templates need it."""

    slug: str
    title: str
    objective: str
    url: str
    headline: str
    tone: Tone
    value: tuple[str, str]
    proposed: str | None
    progress: tuple[str, str] | None
    target: str | None
    status: tuple[Badge, Badge]
    threshold: str
    bar: Bar | None
    reasons: tuple[Reason, ...]
    more: int


def subject(sections: Sequence[Section]) -> str:
    """Return the subject, with the most important change first."""
    first, *others = sections
    if not others:
        return f"{first.slug} {first.headline}: {clipped(first.title, LONGEST_SUBJECT_TITLE)}"
    rest = f"{others[0].slug} moved" if len(others) == 1 else f"{len(others)} more moved"
    return f"{first.slug} {first.headline}, and {rest}"


def sections(items: Sequence[NoticeItem], *, base_url: str) -> list[Section]:
    """Return the sections of a mail, the most urgent first."""
    return [_section(one, base_url) for one in sorted(items, key=_urgency)]


def because(items: Sequence[NoticeItem]) -> str:
    """Return why the reader gets this mail."""
    owned = sorted(plain(one.slug) for one in items if one.owned)
    others = sorted(plain(one.slug) for one in items if not one.owned)
    parts = [listed(owned)] if owned else []
    if others:
        parts.append(f"the objective of {listed(others)}")
    return f"You get this mail because you own {' and '.join(parts)}."


def _section(item: NoticeItem, base_url: str) -> Section:
    change, unit = item.change, plain(item.unit)
    before, after = change.before, change.after
    reasons = _reasons(change.causes, reopened_first=kind_of(change) is NoticeKind.FELL_BACK)
    is_share = unit == "%" and item.target == 100 and all(_value_is_progress(one) for one in (before, after))
    value = partial(amount, unit=unit, target=item.target)
    return Section(
        slug=plain(item.slug),
        title=clipped(plain(item.title), LONGEST_TITLE),
        objective=clipped(plain(item.objective), LONGEST_TITLE),
        url=f"{base_url}/key-results/{quote(item.slug, safe='')}",
        headline=_headline(change, value(after.value), value(item.proposed)),
        tone=_tone(change),
        value=(value(before.value), value(after.value)),
        proposed=None if item.proposed is None else value(item.proposed),
        progress=None if is_share or item.stay else (percent(before.progress), percent(after.progress)),
        target=None if is_share else goal(item.target, item.stay, unit),
        status=(_badge(before.status), _badge(after.status)),
        threshold=_threshold(item),
        bar=_bar(before.progress, after.progress),
        reasons=tuple(reasons[:MOST_REASONS]),
        more=len(reasons[MOST_REASONS:]),
    )


def _threshold(item: NoticeItem) -> str:
    """Return the clause that says which threshold decided the status; empty where none did."""
    progress = item.change.after.progress
    if item.stay or progress is None or progress >= 1:
        return ""
    return threshold_clause(item.change.after.status, item.thresholds, item.expected).strip()


def _value_is_progress(state: KeyResultState) -> bool:
    if state.value is None or state.progress is None:
        return state.value is state.progress
    return abs(state.value - 100 * state.progress) < 0.05


def _headline(change: Change, value: str, proposed: str) -> str:
    kind, after = kind_of(change), change.after
    if kind is NoticeKind.PROPOSED:
        return f"proposes {proposed}"
    if kind is NoticeKind.COMPLETED:
        return "completed"
    if kind is NoticeKind.FELL_BACK:
        return f"fell back to {value}"
    if after.status is change.before.status:
        return f"moved to {value}"
    if after.status is Status.NO_DATA:
        return "has no data any more"
    if after.status is Status.ON_TRACK:
        return "is back on track"
    improved = _severity(after.status) < _severity(change.before.status)
    return f"improved to {STATUS_TEXT[after.status]}" if improved else f"is now {STATUS_TEXT[after.status]}"


def _tone(change: Change) -> Tone:
    if kind_of(change) is NoticeKind.FELL_BACK:
        return "bad" if change.after.status is Status.BEHIND else "warn"
    if kind_of(change) is NoticeKind.PROPOSED:
        return "calm"
    if _severity(change.after.status) < _severity(change.before.status):
        return "good"
    return _TONES.get(change.after.status, "calm")


def _badge(status: Status) -> Badge:
    return Badge(STATUS_TEXT[status], _TONES.get(status, "calm"))


def _urgency(item: NoticeItem) -> int:
    kind = kind_of(item.change)
    if kind is NoticeKind.FELL_BACK:
        return 0
    if kind is NoticeKind.COMPLETED:
        return 2
    if kind is NoticeKind.PROPOSED:
        return 1
    return 1 if _severity(item.change.after.status) > _severity(item.change.before.status) else 3


def _severity(status: Status) -> int:
    return _SEVERITY.index(status) if status in _SEVERITY else 0


def _bar(before: float | None, after: float | None) -> Bar | None:
    if after is None:
        return None
    was, now = _whole_percents(before or 0.0), _whole_percents(after)
    return Bar(stayed=min(was, now), moved=abs(now - was), gained=now >= was)


def _whole_percents(fraction: float) -> int:
    """Return 0…100; only a fraction of 0 gives 0, and only 1 gives 100."""
    return 0 if fraction <= 0 else min(max(whole_percents(fraction), 1), 100)


def _reasons(causes: Sequence[Cause], *, reopened_first: bool) -> list[Reason]:
    """Group causes by issue, the latest first; after a fall, reopened issues before all others."""
    by_issue: dict[object, list[Cause]] = {}
    for cause in causes:
        key = cause.issue or (cause.what, cause.actor)
        by_issue[key] = [*by_issue.pop(key, []), cause]
    latest = list(reversed(by_issue.values()))
    if reopened_first:
        latest.sort(key=lambda changes: not any(cause.reopened for cause in changes))
    return [_reason(changes) for changes in latest]


def _reason(changes: Sequence[Cause]) -> Reason:
    last = changes[-1]
    texts = list(dict.fromkeys(_text(cause) for cause in changes))
    return Reason(
        issue=plain(last.issue) if last.issue else None,
        title=clipped(plain(last.title), LONGEST_TITLE) if last.title else None,
        url=last.url if last.url and urlsplit(last.url).scheme in ("http", "https") else None,
        what=", then ".join(texts[-MOST_CHANGES:]),
    )


def _text(cause: Cause) -> str:
    """Return what happened and who did it: "reopened by ana, no longer linked by rule checkout"."""
    what = plain(cause.what)
    if not cause.actor or what.startswith(("first seen", "found again", SEEN_WITH, UNSPECIFIED_CHANGE)):
        return what
    done, comma, rest = what.partition(", ")
    return f"{done} by {plain(cause.actor)}{comma}{rest}"


def preview(sections: Sequence[Section]) -> str:
    """Return the line that mail programs show beside the subject."""
    first = sections[0]
    why = first.reasons[0] if first.reasons else None
    reason = " ".join(filter(None, [why.issue, why.title and f"“{clipped(why.title, 60)}”", why.what])) if why else ""
    still = f"{first.proposed} is proposed" if first.proposed else first.value[1]
    moved = " → ".join(first.value) if first.value[0] != first.value[1] else still
    return ": ".join(filter(None, [moved, reason]))
