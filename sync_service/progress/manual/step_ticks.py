"""Tick a step of a key result as a person: the one way for pages, API and command line, with audit and reasons."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from sync_service.domain.measures.settings import Step, parse_measure
from sync_service.domain.people.check_in import Author, CheckInRefused, NotAllowed, Right, require_right
from sync_service.domain.text import did_you_mean
from sync_service.domain.trackers.causes import Cause
from sync_service.progress.manual.check_ins import subject_of
from sync_service.progress.steps_done import WithSteps, read_steps
from sync_service.store.engine import versions
from sync_service.store.okrs import key_results, steps
from sync_service.store.okrs.team_settings import team_settings
from sync_service.store.people import audit
from sync_service.store.views.key_results import KeyResultView


class NoStep(CheckInRefused):
    """The key result has no such step."""


class DoneByIssue(CheckInRefused):
    """The step is done by its issue, so no person can open it."""


@dataclass(frozen=True, slots=True)
class StepState:
    """A step by its number, from 1. `done` is by a tick or by its issue."""

    number: int
    step: Step
    ticked: bool
    done: bool

    @property
    def name(self) -> str:
        """Its name."""
        return self.step.name

    @property
    def weight(self) -> float:
        """Its weight."""
        return self.step.weight

    @property
    def issue(self) -> str | None:
        """The issue that is its condition, as CONNECTION:KEY."""
        return self.step.issue


def step_states(tx: Connection, view: KeyResultView, now: datetime) -> list[StepState]:
    """Return the steps of a key result; none where its measure has none. Once it is final, as they were counted."""
    if view.measure["kind"] != "steps":
        return []
    measure = parse_measure(view.measure)
    mine = WithSteps(id=view.id, measure=measure, span=view.span)
    found = read_steps(tx, [mine], now, team_settings(tx).grace_days)[view.id]
    done = found.done
    if view.frozen:
        (one,) = key_results.read(tx, [view.id])
        done = one.basis.steps_done if one.basis else done
    return [
        StepState(number, step, step.name in found.ticked, step.name in done)
        for number, step in enumerate(measure.steps, 1)
    ]


def may_tick(view: KeyResultView, author: Author) -> bool:
    """Return whether a person may tick steps of a key result: its owner and admins, while it is open."""
    return not view.closed and author.right(view.owner) is Right.WHOLE


def set_done(tx: Connection, view: KeyResultView, step: str, *, done: bool, author: Author, now: datetime) -> StepState:
    """Tick a step, by number or name, or take its tick away. Return its state before. Raise `CheckInRefused`."""
    require_right(subject_of(view), author)
    if not may_tick(view, author):
        raise NotAllowed("Only the owner or an admin can tick steps.")
    # Two who tick at once wait for each other here.
    key_results.lock(tx, [view.id])
    one = _find(step_states(tx, view, now), step, view)
    if one.ticked == done:
        if one.done and not done:
            raise DoneByIssue(f"Step {one.number} of {view.slug} is done by its issue {one.issue}.")
        return one
    if done:
        steps.tick(tx, view.id, one.name, person_id=author.person_id, now=now)
    else:
        steps.untick(tx, view.id, one.name, now=now)
    what = f"step “{one.name}” {'done' if done else 'open again'}"
    key_results.recompute(tx, [view.id], causes=[Cause(what=what, actor=author.name)])
    versions.bump(tx, versions.CHANGES)
    audit.note(tx, actor=author.actor, what=f"{view.slug}: {what}", at=now)
    return one


def _find(states: list[StepState], step: str, view: KeyResultView) -> StepState:
    """Return a step by its name in any letter case, else by its number."""
    by_name = {one.name.casefold(): one for one in states}
    by_number = {str(one.number): one for one in states}
    found = by_name.get(step.casefold()) or by_number.get(step)
    if found is None:
        hint = did_you_mean(step, [one.name for one in states])
        raise NoStep(f"{view.slug} has no step “{step}”{hint or f'; it has {len(states)}'}")
    return found
