"""Causes: say in plain words what happened to an issue, for history entries, pages and mails."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from sync_service.domain.text import number
from sync_service.domain.trackers.fields.custom_fields import CustomField, value_of
from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.observations import CLOSED, Kind, State, TermKind

NameOf = Callable[[TermKind, str], str | None]
"""Return the name of a label, milestone and so on by its id; None when it was deleted."""

UNSPECIFIED_CHANGE = "no change that counts"
"""The text of an issue change that no other phrase describes."""

SEEN_WITH = "seen with"
"""The text of a detail that was unknown before begins with this: nobody may have changed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a value moved: `what` happened, to which `issue` (its key).

    `delivery` is the id of the webhook delivery and `actor` the person, where they are known. `proposed`: the value did
    not move yet, it waits for its owner.
    """

    what: str
    issue: str | None = None
    title: str | None = None
    url: str | None = None
    delivery: str | None = None
    actor: str | None = None
    reopened: bool = False
    proposed: bool = False


def counts_differently(before: Issue | None, after: Issue) -> bool:
    """Return whether any measure could see a difference between the two.

    The key counts too, because a pull request names by its key the issue it closes.
    """
    return before is None or any(
        getattr(before, name) != getattr(after, name)
        for name in (
            "state",
            "points",
            "numbers",
            "created_at",
            "closed_at",
            "started_at",
            "reopened",
            "gone_reason",
            "closes",
            "key",
        )
    )


def was_reopened(before: Issue | None, after: Issue) -> bool:
    """Return whether a closed issue is open again."""
    return before is not None and before.state in CLOSED and after.state not in CLOSED and after.gone_reason is None


def describe_change(
    before: Issue | None, after: Issue, *, name_of: NameOf, fields: Mapping[str, CustomField] = MappingProxyType({})
) -> str:
    """Describe what changed, the most important change first; of custom fields those that the connection names."""
    if after.gone_reason is not None:
        return after.gone_reason
    if before is not None and before.gone_reason is not None:
        return "found again"
    if before is None or (before.state is None and after.state is not None):
        return _first_seen(after)
    phrases = [phrase for phrase in (_moved(before, after), _state_change(before, after)) if phrase]
    phrases += [*_detail_changes(before, after, name_of), *_custom_changes(before, after, fields)]
    return ", ".join(phrases) or UNSPECIFIED_CHANGE


def _first_seen(issue: Issue) -> str:
    return {
        State.TODO: "opened",
        State.DOING: "opened, in progress",
        State.DONE: "first seen, already done",
        State.DROPPED: "first seen, already dropped",
        None: f"parent is {issue.parent_key or 'none'}, nothing else is known yet",
    }[issue.state]


def _moved(before: Issue, after: Issue) -> str | None:
    if before.scope is None or after.scope is None or before.scope.id == after.scope.id:
        return None
    return f"moved from {before.scope.name} to {after.scope.name}"


def _state_change(before: Issue, after: Issue) -> str | None:
    if before.state is after.state:
        same_reason = before.resolution == after.resolution
        return None if same_reason or after.state not in CLOSED else _closing(after)
    if after.state in CLOSED:
        return _closing(after)
    if before.state in CLOSED:
        return "reopened"
    return "started" if after.state is State.DOING else "moved back to to-do"


def _closing(issue: Issue) -> str:
    reason = (issue.resolution or "").replace("_", " ")
    if issue.state is State.DONE:
        return "merged" if issue.kind is Kind.PULL_REQUEST else "closed as done"
    return f"closed as {reason.lower()}, dropped" if reason else "closed, dropped"


def _detail_changes(before: Issue, after: Issue, name_of: NameOf) -> Sequence[str]:
    phrases = [
        *_added_and_removed(before.labels, after.labels, partial(name_of, TermKind.LABEL), ("labelled", "unlabelled"))
    ]
    if before.points != after.points:
        phrases.append(_number_change("points", before.points, after.points))
    if before.milestone != after.milestone:
        into = name_of(TermKind.MILESTONE, after.milestone) or after.milestone if after.milestone else None
        phrases.append(f"moved to milestone {into}" if into else "removed from its milestone")
    phrases += _plan_changes(before, after, name_of)
    if before.priority != after.priority:
        phrases.append(f"priority changed to {after.priority or 'none'}")
    if before.type != after.type:
        phrases.append(f"type changed to {after.type or 'none'}")
    if before.parent_key != after.parent_key:
        verb = "parent changed to" if before.parent_at else f"{SEEN_WITH} parent"
        phrases.append(f"{verb} {after.parent_key or 'none'}")
    if before.closes != after.closes:
        phrases.append("closes " + (", ".join(one.key for one in after.closes) or "no issue"))
    if before.assignees != after.assignees:
        phrases.append("assigned to " + (", ".join(account.name for account in after.assignees) or "nobody"))
    if before.title != after.title and before.title:
        phrases.append("renamed")
    return [*phrases, *_new_closing_date(before, after)]


def _new_closing_date(before: Issue, after: Issue) -> Iterator[str]:
    """Yield the change of a closed issue's closing date: an older snapshot came later."""
    if before.closed_at and after.closed_at and before.closed_at != after.closed_at:
        yield f"closing date {before.closed_at:%Y-%m-%d} → {after.closed_at:%Y-%m-%d}"


_PLANS: Mapping[str, tuple[TermKind, tuple[str, str]]] = {  # each with the words for a term added and removed
    "components": (TermKind.COMPONENT, ("added to component", "removed from component")),
    "versions": (TermKind.VERSION, ("added to version", "removed from version")),
    "sprints": (TermKind.SPRINT, ("added to sprint", "removed from sprint")),
}


def _plan_changes(before: Issue, after: Issue, name_of: NameOf) -> Iterator[str]:
    """Yield the changes of components, versions, sprints and numbers, and those that are known for the first time."""
    for name, (kind, verbs) in _PLANS.items():
        words = verbs if getattr(before, f"{name}_at") else (f"{SEEN_WITH} {kind}", "")
        yield from _added_and_removed(getattr(before, name), getattr(after, name), partial(name_of, kind), words)
    was = {one.name: one.value for one in before.numbers}
    for one in after.numbers:
        if one.name not in was and one.value is not None:
            yield f"{SEEN_WITH} {one.name} {_number(one.value, None)}"
        elif one.name in was and was[one.name] != one.value:
            yield _number_change(one.name, was[one.name], one.value)


def _custom_changes(before: Issue, after: Issue, fields: Mapping[str, CustomField]) -> Iterator[str]:
    """Yield the changes of custom fields, and those that are known for the first time."""
    for name, one in fields.items():
        was, now = value_of(one, before.custom_fields), value_of(one, after.custom_fields)
        if now is not None and (was is None or was.values != now.values):
            words = f"{name} changed to {now.words()}"
            if was is not None:
                yield words
            elif now.values:
                yield f"{SEEN_WITH} {name} {now.words()}"


def _added_and_removed(
    before: Sequence[str], after: Sequence[str], name_of: Callable[[str], str | None], verbs: tuple[str, str]
) -> Iterator[str]:
    """Yield which terms were added and which were removed."""
    added, removed = verbs
    yield from (f"{added} {name_of(one) or one}" for one in after if one not in before)
    yield from (f"{removed} {name_of(one) or one}" for one in before if one not in after)


def _number_change(name: str, before: float | None, after: float | None) -> str:
    return f"{name} {_number(before, after)} → {_number(after, before)}"


def _number(value: float | None, other: float | None) -> str:
    return "none" if value is None else number(value, apart_from=[] if other is None else [other])
