"""The versions of the issues of one batch: each change with its source, and its cause in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sync_service.domain.trackers.causes import Cause, counts_differently, describe_change, was_reopened
from sync_service.domain.trackers.fields.custom_fields import CustomField
from sync_service.domain.trackers.issue import Issue, with_fields
from sync_service.progress.link_issues import IssueChange
from sync_service.progress.term_names import TermNames


@dataclass(frozen=True, slots=True)
class Source:
    """The source of an observation: the delivery id (None for a fetch), the actor, and when we received it."""

    delivery: str | None
    actor: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class IssueVersion:
    """One change of an issue in a batch, from which source, and in words where the change itself does not say it."""

    before: Issue | None
    after: Issue
    source: Source
    what: str | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """An issue that has a new key."""

    connection_id: int
    identity: str
    was: str
    now: str


def issue_change(
    version: IssueVersion, connection_id: int, names: TermNames, fields: Mapping[str, CustomField]
) -> IssueChange:
    """Return a change with its cause in words; `fields` are the custom fields that the connection names."""
    before, after, source = version.before, version.after, version.source
    cause = Cause(
        what=version.what or describe_change(before, after, name_of=partial(names.name, connection_id), fields=fields),
        issue=after.key,
        title=after.title or None,
        url=after.url or None,
        delivery=source.delivery,
        actor=source.actor,
        reopened=was_reopened(before, after),
    )
    return IssueChange(cause, counts_differently(before, after))


def with_kept_fields_of(before: Issue, after: Issue) -> Issue:
    """Return an issue with the times of receipt, and the earlier snapshots, of another one."""
    kept = ("parent_received_at", "received_at", "closing")
    return with_fields(after, **{name: getattr(before, name) for name in kept})
