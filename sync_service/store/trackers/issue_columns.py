"""Read some columns of all known issues of a connection, for previews: much faster than reading whole issues."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.observations import Account, Kind, ScopeRef, State
from sync_service.store.tables import issue
from sync_service.store.trackers.custom_values import custom_values

SCOPE = ("scope_external_id", "scope_name")

_LISTS = ("labels", "components", "versions", "sprints")


def read(tx: Transaction, connection_id: int, names: Sequence[str]) -> Sequence[sa.Row[Any]]:
    """Return the row id and these columns of each issue that is not gone, the newest first; JSON as stored text."""
    columns = (sa.cast(issue.c[name], sa.Text) if isinstance(issue.c[name].type, sa.JSON) else issue.c[name]
               for name in names)  # fmt: skip
    there = (issue.c.connection_id == connection_id, issue.c.gone_reason.is_(None), issue.c.state.isnot(None))
    return tx.execute(sa.select(issue.c.id, *columns).where(*there).order_by(issue.c.id.desc())).all()


def as_issue(columns: Mapping[str, Any]) -> Issue:
    """Return an issue of which only these columns are known."""
    values = {name: value for name, value in columns.items() if name not in SCOPE}
    for name in _LISTS:
        if name in values:
            values[name] = tuple(json.loads(values[name] or "null") or ())
    if "assignees" in values:
        values["assignees"] = tuple(Account(*one) for one in json.loads(values["assignees"] or "null") or ())
    if "author" in values:
        author = json.loads(values["author"] or "null")
        values["author"] = Account(*author) if author else None
    if "custom_fields" in values:
        values["custom_fields"] = custom_values(json.loads(values["custom_fields"] or "null"))
    if "kind" in values:
        values["kind"] = Kind(values["kind"] or Kind.ISSUE)
    if "state" in values:
        values["state"] = State(values["state"])
    return Issue(identity="", key="", **values)


def scope_ref(external_id: str | None, name: str | None) -> ScopeRef | None:
    """Return the scope that two columns name."""
    return ScopeRef(external_id, name or "") if external_id else None
