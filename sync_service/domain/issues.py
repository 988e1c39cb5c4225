"""The tracker-neutral words for what a delivery or a look can tell.

A connector turns a tracker's own format into *observations*; nothing else of that format goes further
into the house. Times are aware UTC datetimes and are the tracker's own, unless a field says otherwise.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """Where an issue stands. `dropped` is work that ended without being done."""

    TODO = "todo"
    DOING = "doing"
    DONE = "done"
    DROPPED = "dropped"


class Kind(StrEnum):
    """What sort of thing an issue is; a Jira epic or sub-task is an `issue` with that `type`."""

    ISSUE = "issue"
    PULL_REQUEST = "pull_request"


class TermKind(StrEnum):
    """What is kept by id with its name apart, since trackers rename it without touching issues."""

    LABEL = "label"
    MILESTONE = "milestone"
    COMPONENT = "component"
    VERSION = "version"
    SPRINT = "sprint"


@dataclass(frozen=True, slots=True)
class Term:
    """A label, milestone, component, version or sprint as a snapshot shows it.

    `id` is stable; on Jira a label's id is its text.
    """

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Account:
    """A tracker's account: `id` as in a person's `accounts` setting (GitHub login, Jira accountId or name)."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ScopeRef:
    """A repository or a project: `id` is the tracker's stable id, `name` is `owner/repo` or a project key."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Parent:
    """A known parent relation; `key` None says "has no parent". An unknown relation has no `Parent` at all."""

    key: str | None
    identity: str | None = None


@dataclass(frozen=True, slots=True)
class Closing:
    """An issue that a pull request closes: its key as the tracker writes it, its identity where that is known."""

    key: str
    identity: str | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A numeric field that the connection names: by that name, with its value; None says "has none"."""

    name: str
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One whole issue at one moment. `updated_at` is the tracker's time of its last change: the newest wins.

    `parent`, `closes`, `components`, `versions` and `sprints` None mean *unknown*, never *none*; `points` are unknown
    where `points_known` is false, and so is a number that is not among `numbers`.
    `closed_at` is set while the state is done or dropped. `came_from` is the scope it was in until this change.
    """

    identity: str
    scope: ScopeRef
    key: str
    kind: Kind
    title: str
    url: str
    state: State
    updated_at: datetime
    type: str | None = None
    resolution: str | None = None
    labels: tuple[Term, ...] = ()
    milestone: Term | None = None
    parent: Parent | None = None
    closes: tuple[Closing, ...] | None = None
    assignees: tuple[Account, ...] = ()
    author: Account | None = None
    priority: str | None = None
    points: float | None = None
    points_known: bool = True
    components: tuple[Term, ...] | None = None
    versions: tuple[Term, ...] | None = None
    sprints: tuple[Term, ...] | None = None
    numbers: tuple[Number, ...] = ()
    created_at: datetime | None = None
    closed_at: datetime | None = None
    came_from: ScopeRef | None = None

    def order(self) -> tuple[datetime, bool, str]:
        """Give the total order of snapshots of one issue: the tracker's time, closed after open, content.

        GitHub's times have a resolution of one second, so two different snapshots can tie; any fixed
        order makes every order of arrival end alike (the issue is then marked *in doubt*).
        """
        return (self.updated_at, self.closed_at is not None, self.digest())

    def digest(self) -> str:
        """Hash the content, so that equal content at an equal time is recognised (hex, 64 characters).

        What a letter may leave out (parent, closings, points, components, versions, sprints, numbers) takes no part: it
        has a time of its own.
        """
        content = (
            (self.scope, self.key, self.kind, self.title, self.url, self.state, self.type, self.resolution),
            (sorted((label.id, label.name) for label in self.labels), self.milestone),
            (sorted(account.id for account in self.assignees), self.author, self.priority),
            (self.created_at, self.closed_at),
        )
        return hashlib.sha256(repr(content).encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentSeen:
    """The issue, which is in `scope`, has this parent or none since `at`, the tracker's time; nothing else is said."""

    identity: str
    key: str
    scope: ScopeRef
    parent: Parent
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """The issue is gone for good. Where it was transferred, `successor` and `moved_to` are its new names."""

    identity: str
    key: str
    successor: str | None = None
    moved_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The letter is not enough: go and look at the issue (needs credentials), because of `reason`.

    The identity may be another name of the issue, by which its connector finds it. In a `scope` that is told and not
    watched nobody looks.
    """

    identity: str
    key: str
    reason: str
    scope: ScopeRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TermSeen:
    """A label, milestone, version or sprint is called so, or was deleted (`name` None), in a scope where that is told.

    `at` is the tracker's time of it, or else it is the time when we are told. What was deleted by being `merged_into`
    another, given by its id, goes by that one's name.
    """

    kind: TermKind
    id: str
    name: str | None
    scope: ScopeRef | None = None
    at: datetime | None = None
    merged_into: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeSeen:
    """A repository or project as it is now called (empty where that is not told), and as it `was` called before.

    `gone` says why it can no longer be watched, `returned` that it can again, both since `at`, the tracker's time, or
    since we are told. What is gone `for_good` does not return.
    """

    scope: ScopeRef
    was: str | None = None
    gone: str | None = None
    for_good: bool = False
    returned: bool = False
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSeen:
    """An owner of scopes, whose names begin with its own and a slash. What is said holds for each; see `ScopeSeen`."""

    name: str
    was: str | None = None
    gone: str | None = None
    for_good: bool = False
    returned: bool = False
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentSeen:
    """A comment that asks for links, or did: made, `edited` or `gone` at `at`, the tracker's time, by its `author`.

    `wants` names key results as written; () asks for no links at all, and None asks for nothing any more. `scope` is
    None where the letter names none: then it is taken only where the issue is known.
    """

    identity: str
    key: str
    scope: ScopeRef | None
    id: str
    author: Account | None
    at: datetime
    wants: tuple[str, ...] | None
    edited: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing follows from the delivery, for `reason`, which completes "ignored, because …"."""

    reason: str


Observation = Snapshot | ParentSeen | Tombstone | Look | TermSeen | ScopeSeen | AccountSeen | CommentSeen | Ignored


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one delivery says: its observations, who acted, and the delivery's name (`issues.closed`)."""

    name: str
    observations: tuple[Observation, ...]
    actor: Account | None = None
