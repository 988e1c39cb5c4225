"""Subsets of a connection's issues, in the order of their row ids: all, a parent's children, those of accounts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sync_service.store.tables import issue
from sync_service.store.trackers.issue_people import with_any

Parent = tuple[str, str]
"""The identity of an issue, and its key as its children may have it."""


@dataclass(frozen=True, slots=True)
class Subset:
    """The children of a parent, the issues of some accounts, by login or id, or those of some identities; else all."""

    parent: Parent | None = None
    accounts: Sequence[str] = ()
    issues: Sequence[str] = ()

    @classmethod
    def of_request(cls, about: Mapping[str, Any]) -> "Subset":
        """Return the subset that a relink request is about."""
        parent = (about["parent"], about["was"]) if "parent" in about else None
        return cls(parent, about.get("accounts", ()), about.get("issues", ()))

    def after(self, connection_id: int, after: int) -> sa.ColumnElement[bool]:
        """Return what selects its issues with a higher row id."""
        found = sa.and_(issue.c.connection_id == connection_id, issue.c.id > after)
        if self.parent is not None:
            identity, key = self.parent
            # A union, each half of which has an index: SQLite would rather walk through all issues of the connection.
            mine = sa.select(issue.c.id).where(issue.c.connection_id == connection_id).correlate(None)
            children = mine.where(issue.c.parent_identity == identity).union(mine.where(issue.c.parent_key == key))
            found = sa.and_(found, issue.c.id.in_(children))
        if self.issues:
            found = sa.and_(found, issue.c.identity.in_(self.issues))
        return sa.and_(found, with_any(self.accounts)) if self.accounts else found


ALL = Subset()
