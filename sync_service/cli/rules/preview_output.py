"""Terminal output of a rule's preview."""

from collections.abc import Iterator, Sequence
from functools import partial

from sync_service.domain.measures.line import DayValue
from sync_service.domain.rules.condition_text import describe
from sync_service.domain.text import NO_DATA, amount, counted, number, percent
from sync_service.progress.previews.replayed_line import ReplayedLine
from sync_service.progress.previews.rule_preview import Effect, MatchedIssue, Preview
from sync_service.progress.previews.written_rule import PreviewedRule
from sync_service.store.views.key_results import KeyResultView


def preview_lines(found: PreviewedRule) -> Iterator[str]:
    """Yield the lines of text of a preview."""
    rule, seen = found.rule, found.preview
    state = rule.state.value if rule.state else "active"
    yield f"{rule.slug}: {state}, {rule.connection} → {rule.key_result}"
    yield f"  when {describe(rule.when)}"
    yield f"  {counted(seen.matching, 'issue')} of {number(seen.watched)} {_match(seen.matching)}; {_changes(seen)}"
    if seen.known != seen.watched:
        yield f"  {counted(seen.known - seen.watched, 'issue')} more in scopes that are not watched"
    for effect in seen.effects:
        yield from _effect_lines(effect, found.key_results.get(effect.slug))
    for unknown in seen.unknown:
        nearest = ", ".join(f"{one.value} ({counted(one.issues, 'issue')})" for one in unknown.nearest)
        yield f"  no issue has {unknown.field} {unknown.value!r}" + (f"; the nearest: {nearest}" if nearest else "")
    for one in seen.misses.removing:
        yield f"  {one.words}: removes everything; without it {counted(one.matching_without, 'issue')} would match"
    yield from _issue_lines("matching", seen.shown, seen.matching)
    yield from _issue_lines("no longer linked", seen.lost, len(seen.changes.unlinked))
    yield from _issue_lines("no longer proposed", seen.withdrawn, len(seen.changes.withdrawn))
    newest = "" if seen.misses.all_searched else f", of the newest {number(seen.misses.searched)} issues"
    yield from _issue_lines(f"near misses: all conditions but one{newest}", seen.near, len(seen.misses.found))
    for line in seen.lines:
        yield from _replayed(line, found.key_results.get(line.slug))


def _match(count: int) -> str:
    return "matches" if count == 1 else "match"


def _changes(seen: Preview) -> str:
    changes = seen.changes
    words = f"{counted(len(changes.linked), 'link')} made, {number(len(changes.unlinked))} removed"
    if changes.proposed or changes.withdrawn or changes.waiting:
        proposed = counted(len(changes.proposed), "proposal")
        words += f"; {proposed} made, {number(len(changes.withdrawn))} withdrawn"
    return words


def _effect_lines(effect: Effect, view: KeyResultView | None) -> Iterator[str]:
    value = partial(amount, unit=view.unit if view else "", target=view.target if view else None)
    before, after = effect.before, effect.after
    yield f"  {effect.slug}  {view.title if view else ''}".rstrip()
    if before == after:
        yield f"      {value(after.value)}, {_way(after.progress)}, {after.status.value}: unchanged"
    else:
        yield f"      value {value(before.value)} → {value(after.value)}"
        yield f"      progress {_way(before.progress)} → {_way(after.progress)}"
        yield f"      status {before.status.value} → {after.status.value}"
    yield f"      {effect.explanation}"
    if effect.computed:
        yield f"      computed {value(effect.computed[0])} → {value(effect.computed[1])}; it does not apply by itself"


def _way(progress: float | None) -> str:
    return NO_DATA if progress is None else percent(progress)


def _issue_lines(title: str, named: Sequence[MatchedIssue], count: int) -> Iterator[str]:
    if not named:
        return
    yield f"  {title} ({number(count)})"
    for one in named:
        sign = "+" if one.new else " "
        words = f"  not: {one.missing}" if one.missing else "  proposed" if one.becomes == "proposed" else ""
        yield f"    {sign} {one.key}  {one.title}{words}"
    if count > len(named):
        yield f"      and {number(count - len(named))} more"


def _replayed(line: ReplayedLine, view: KeyResultView | None) -> Iterator[str]:
    value = partial(amount, unit=view.unit if view else "", target=view.target if view else None)
    yield f"  the line of {line.slug} as it is, and as it would have been since the cycle began"
    for real, replayed in zip(line.real, line.replayed, strict=True):
        yield f"    {real.day} {_value(value, real):>14}  →  {_value(value, replayed)}"


def _value(written: "partial[str]", day: DayValue) -> str:
    return written(day.value)
