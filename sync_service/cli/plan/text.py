"""A plan as text for a terminal, and as Markdown for a pull request."""

import re
from collections.abc import Callable, Iterator

from sync_service.domain.measures.status import STATUS_TEXT
from sync_service.domain.text import amount, counted, percent
from sync_service.web.api.plan.models import KeyResultEffect, Numbers, ObjectiveEffect, Plan

NEEDS_OVERWRITE = "applying needs --overwrite: it would undo what people wrote on pages"
NEW, REMOVED = "new", "removed"

_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()<>#+|~&!-])")
_REFERENCE = re.compile(r"([@#])")


def plan_lines(plan: Plan) -> Iterator[str]:
    """Yield a plan as lines of text."""
    yield from plan.changes
    yield plan.summary
    yield from (f"! {line}" for line in plan.reverts)
    if plan.reverts:
        yield NEEDS_OVERWRITE
    changed = [one for one in plan.key_results if one.changes]
    if changed:
        yield ""
        yield "Key results"
        for one in changed:
            yield f"  {one.slug} {one.title}: {', '.join(_differences(one))}"
            yield from (f"    {words}" for words in one.unknown)
    if same := len(plan.key_results) - len(changed):
        yield ("" if changed else "\n") + _unchanged(same)
    objectives = [one for one in plan.objectives if one.changes]
    if objectives:
        yield ""
        yield "Objectives"
        for objective in objectives:
            yield f"  {objective.slug} {objective.title}: {_progress(objective)}"


def plan_markdown(plan: Plan) -> Iterator[str]:
    """Yield a plan as lines of Markdown. Texts of people are escaped: no markup, mention or reference."""
    yield f"### OKR Sync: {_escaped(plan.summary)}"
    if plan.changes:
        yield ""
        yield from (f"- {_escaped(line)}" for line in plan.changes)
    if plan.reverts:
        yield ""
        yield f"**{NEEDS_OVERWRITE[0].upper()}{_escaped(NEEDS_OVERWRITE[1:])}:**"
        yield ""
        yield from (f"- {_escaped(line)}" for line in plan.reverts)
    yield from _markdown_key_results(plan)
    yield from _markdown_objectives([one for one in plan.objectives if one.changes])
    if plan.warnings:
        yield ""
        yield "Warnings:"
        yield ""
        yield from (f"- {_escaped(line)}" for line in plan.warnings)


def _markdown_key_results(plan: Plan) -> Iterator[str]:
    changed = [one for one in plan.key_results if one.changes]
    if changed:
        yield ""
        yield "| Key result | Value | Progress | Status |"
        yield "|---|---|---|---|"
    for one in changed:
        yield f"| {' | '.join(map(_escaped, _cells(one)))} |"
    for one in changed:
        yield from (f"\n{_escaped(f'{one.slug}: {words}')}" for words in one.unknown)
    if same := len(plan.key_results) - len(changed):
        yield ""
        yield _escaped(_unchanged(same))


def _markdown_objectives(changed: list[ObjectiveEffect]) -> Iterator[str]:
    if changed:
        yield ""
        yield "| Objective | Progress |"
        yield "|---|---|"
    for one in changed:
        yield f"| {_escaped(f'{one.slug} {one.title}')} | {_escaped(_progress(one))} |"


def _unchanged(count: int) -> str:
    return (
        f"{counted(count, 'key result')} {'stay' if count > 1 else 'stays'} as {'they are' if count > 1 else 'it is'}"
    )


def _differences(one: KeyResultEffect) -> Iterator[str]:
    """Yield the value, the progress and the status, each old → new where it differs."""
    if one.before is None:
        yield NEW
    if one.after is None:
        yield REMOVED
        return
    yield _value(one)
    yield f"progress {_moved(*_percents(one))}"
    yield _moved(*_statuses(one))


def _cells(one: KeyResultEffect) -> list[str]:
    name = f"{one.slug} {one.title}"
    if one.after is None:
        return [name, REMOVED, "", ""]
    value = _value(one) if one.before else f"{NEW}: {_value(one)}"
    return [name, value, _moved(*_percents(one)), _moved(*_statuses(one))]


def _value(one: KeyResultEffect) -> str:
    def words(side: Numbers) -> str:
        return amount(side.value, one.unit, one.target)

    return _moved(_of(one.before, words), _of(one.after, words))


def _percents(one: KeyResultEffect) -> tuple[str | None, str | None]:
    def words(side: Numbers) -> str:
        return percent(side.progress)

    return _of(one.before, words), _of(one.after, words)


def _statuses(one: KeyResultEffect) -> tuple[str | None, str | None]:
    def words(side: Numbers) -> str:
        return STATUS_TEXT[side.status]

    return _of(one.before, words), _of(one.after, words)


def _of(side: Numbers | None, words: Callable[[Numbers], str]) -> str | None:
    return None if side is None else words(side)


def _moved(before: str | None, after: str | None) -> str:
    """Return `old → new`; one text where both are the same, or one is missing."""
    if before is None or after is None or before == after:
        return after or before or ""
    return f"{before} → {after}"


def _progress(one: ObjectiveEffect) -> str:
    return _moved(percent(one.before), percent(one.after))


def _escaped(text: str) -> str:
    """Return a text that Markdown shows as it is; a zero-width space breaks mentions and references."""
    return _PUNCTUATION.sub(r"\\\1", _REFERENCE.sub("\\1\u200b", text))
