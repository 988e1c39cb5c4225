"""Explanation of an issue: which key results it serves, why or why not, and what closing it is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection, Row

from sync_service.domain.trackers.observations import CLOSED, State
from sync_service.progress.forecasts.worth import Worth, WorthReader
from sync_service.store.engine import versions
from sync_service.store.okrs import key_results, linked_issues
from sync_service.store.okrs.ruleset import load_ruleset
from sync_service.store.trackers import issue_names
from sync_service.store.views.issues import IssueView, issue_view, serves

SERVES_NONE = "no rule, query, label, comment or manual link links it to a key result"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedView:
    """A key result that an issue is linked to, how, and whether it counts."""

    slug: str
    link: IssueView


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueExplanation:
    """An issue with what it serves, and what closing it is worth. `closes` are keys of issues that it closes.

    `why_none` says why it serves no key result; None where it does.
    """

    connection: str
    key: str
    title: str
    url: str
    state: State | None
    why_none: str | None
    serves: Sequence[ServedView]
    closes: Sequence[str]
    worth: Sequence[Worth]


def explain_issue(tx: Connection, reference: str, now: datetime) -> IssueExplanation | None:
    """Return the explanation of an issue by its reference, CONNECTION:KEY in any letter case; None where none is known.

    It may have had the key before it was moved.
    """
    connection, _, key = reference.partition(":")
    row = issue_names.named(tx, connection, key)
    if row is None:
        return None
    ruleset = load_ruleset(tx, versions.value(tx, versions.RULES))
    ids = serves(tx, row.id)
    served = [
        ServedView(slug=one.slug, link=link)
        for one in key_results.read(tx, ids)
        if (link := issue_view(tx, one.id, row.id)) is not None
    ]
    closes = linked_issues.names(tx, linked_issues.closes(tx, [row.id]).get(row.id, ()))
    return IssueExplanation(
        connection=row.connection,
        key=row.key,
        title=row.title or "",
        url=row.url or "",
        state=State(row.state) if row.state else None,
        why_none=None if served else _why_none(row),
        serves=served,
        closes=sorted(one.key for one in closes.values()),
        worth=WorthReader(tx=tx, ruleset=ruleset, now=now).of(row.id),
    )


def is_closed(one: IssueExplanation) -> bool:
    """Return whether an issue is closed already."""
    return one.state in CLOSED


def _why_none(row: Row[Any]) -> str:
    if row.gone_reason:
        return str(row.gone_reason)
    return "its scope is not watched" if row.scope_id is None else SERVES_NONE


def references(tx: Connection, key: str) -> list[str]:
    """Return the references of the known issues with a key, in any letter case."""
    return issue_names.references(tx, key)
