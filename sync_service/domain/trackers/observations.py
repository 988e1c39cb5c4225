"""Observations: what a connector reads out of a delivery, a fetch or a poll page, in tracker-neutral types.

Nothing else of a tracker's format goes beyond its connector. Times are aware UTC datetimes and are the tracker's own,
unless a field says otherwise.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sync_service.domain.trackers.fields.custom_fields import CustomValue


class State(StrEnum):
    """The state of an issue. `dropped` is work that ended without being done."""

    TODO = "todo"
    DOING = "doing"
    DONE = "done"
    DROPPED = "dropped"


CLOSED = (State.DONE, State.DROPPED)
"""The states of an issue on which no more work is done."""


class Kind(StrEnum):
    """What sort of thing an issue is; a Jira epic or sub-task is an `issue` with that `type`."""

    ISSUE = "issue"
    PULL_REQUEST = "pull_request"


class TermKind(StrEnum):
    """Kinds of terms. A term is stored by id, its name apart: trackers rename it without touching the issues."""

    LABEL = "label"
    MILESTONE = "milestone"
    COMPONENT = "component"
    VERSION = "version"
    SPRINT = "sprint"


@dataclass(frozen=True, slots=True)
class Term:
    """A label, milestone, component, version or sprint in a snapshot.

    `id` is stable. On Jira the id of a label is its text.
    """

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Account:
    """A tracker's account: `id` as in a person's `accounts` setting (GitHub login, Jira accountId or name).

    `stable_id` is the tracker's own id of an account that can be renamed: GitHub's number, the user key of Jira Data
    Center. It is None where `id` never changes, and where the tracker says none. It is no content of an issue.
    """

    id: str
    name: str
    stable_id: str | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ScopeRef:
    """A repository or project: `id` is the tracker's stable id, `name` is `owner/repo` or a project key."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Parent:
    """A known parent relation; `key` None means "has no parent". An unknown relation has no `Parent` at all."""

    key: str | None
    identity: str | None = None


@dataclass(frozen=True, slots=True)
class Closing:
    """An issue that a pull request closes: its key as the tracker writes it, and its identity if known."""

    key: str
    identity: str | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A numeric field that the connection lists in `number_fields`: its name and value; None means "has none"."""

    name: str
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One whole issue at one moment. `updated_at` is the tracker's time of its last change: the newest wins.

    `parent`, `closes`, `components`, `versions` and `sprints` None mean *unknown*, never *none*. `points` are unknown
    when `points_known` is false; what is missing in `numbers` and `custom_fields` is unknown too. `closed_at` is the
    tracker's date of the closing, `entered_category_at` its date of the last change of the status category; None when
    it says none. `dated_anew`: the tracker sets `closed_at` at each closing, and only then. `came_from` is the scope
    from which this change moved the issue.
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
    custom_fields: tuple[CustomValue, ...] = ()
    created_at: datetime | None = None
    closed_at: datetime | None = None
    dated_anew: bool = False
    entered_category_at: datetime | None = None
    came_from: ScopeRef | None = None

    def order(self) -> tuple[datetime, bool, str]:
        """Return the sort key of a total order of snapshots: tracker's time, closed after open, content.

        GitHub's times have a resolution of one second, so two different snapshots can have the same time. With a fixed
        order the result does not depend on the order of arrival (the issue is then marked *in doubt*).
        """
        return (self.updated_at, self.state in CLOSED, self.digest())

    def digest(self) -> str:
        """Hash the content, to recognise equal content at an equal time (hex, 64 characters).

        Details that a delivery may omit (parent, closings, points, components, versions, sprints, numbers, custom
        fields) are not hashed: each has its own time.
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
    """The issue has this parent, or none, since `at`, the tracker's time; nothing else is known.

    `scope` is the scope of the issue, not of the parent.
    """

    identity: str
    key: str
    scope: ScopeRef
    parent: Parent
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """The issue is gone for good. After a transfer, `successor` and `moved_to` are its new identity and key."""

    identity: str
    key: str
    successor: str | None = None
    moved_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchNeeded:
    """The delivery does not tell enough: fetch the issue (needs credentials), because of `reason`.

    `identity` may be another id of the issue that its connector can resolve. An issue in a known `scope` that is not
    watched is not fetched.
    """

    identity: str
    key: str
    reason: str
    scope: ScopeRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TermSeen:
    """The name of a label, milestone, version or sprint; `name` None: it was deleted.

    `scope` is its scope, if known. `at` is the tracker's time, or else None for the time of receipt. A term that was
    `merged_into` another (an id) takes that one's name.
    """

    kind: TermKind
    id: str
    name: str | None
    scope: ScopeRef | None = None
    at: datetime | None = None
    merged_into: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeSeen:
    """A repository or project with its present name (empty if unknown); `was` is its earlier name.

    `gone` says why it can no longer be watched; `returned`, that it can again. Both hold since `at`, the tracker's
    time, or None for the time of receipt. A scope that is gone `for_good` does not return.
    """

    scope: ScopeRef
    was: str | None = None
    gone: str | None = None
    for_good: bool = False
    returned: bool = False
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSeen:
    """An owner of scopes, whose names begin with the owner's name and a slash.

    The fields hold for each of these scopes; see `ScopeSeen`.
    """

    name: str
    was: str | None = None
    gone: str | None = None
    for_good: bool = False
    returned: bool = False
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentSeen:
    """A comment with `/okr` commands, made, `edited` or deleted (`gone`) at `at`, the tracker's time, by `author`.

    `wants` names key results as written; () asks for no links at all, None no longer asks for anything. `scope` is None
    when the delivery names none: then the comment counts only if the issue is known.
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
    """The delivery changes nothing, for `reason`, which completes "ignored, because …"."""

    reason: str


Observation = (
    Snapshot | ParentSeen | Tombstone | FetchNeeded | TermSeen | ScopeSeen | AccountSeen | CommentSeen | Ignored
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDelivery:
    """What one delivery says: its observations, who acted, and the name of its event (`issues.closed`)."""

    name: str
    observations: tuple[Observation, ...]
    actor: Account | None = None
