"""Relink requests: compute the links of many known issues again, in chunks."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.rules.relink_reasons import RelinkReason
from sync_service.store.engine.database import database_now
from sync_service.store.tables import relink_request


def rename(tx: Transaction, connection_id: int, *, scope: str, was: str, now: str) -> None:
    """Request new keys for the issues of a renamed scope (`scope` is its id in the tracker), and relink them.

    https://docs.github.com/en/repositories/creating-and-managing-repositories/renaming-a-repository
    https://support.atlassian.com/jira-cloud-administration/docs/edit-a-projects-details/
    """
    row: dict[str, Any] = {
        "connection_id": connection_id,
        "reasons": [RelinkReason(what=f"{was} is now called {now}", scope=now).to_columns()],
        "renamed": {"scope": scope, "was": was, "now": now},
        "due_at": database_now(tx),
    }
    tx.execute(sa.insert(relink_request).values(row))


def follow_parent(tx: Transaction, connection_id: int, *, identity: str, was: str, now: str) -> None:
    """Request the new key of a moved issue for its children, and relink them."""
    row: dict[str, Any] = {
        "connection_id": connection_id,
        "reasons": [RelinkReason(what=f"its parent {was} is now {now}").to_columns()],
        "renamed": {"parent": identity, "was": was, "now": now},
        "due_at": database_now(tx),
    }
    tx.execute(sa.insert(relink_request).values(row))


def add(tx: Transaction, wanted: Iterable[tuple[int, Sequence[RelinkReason]]]) -> None:
    """Request to relink all issues of connections: (connection id, reasons)."""
    now = database_now(tx)
    rows = [
        {"connection_id": connection_id, "reasons": [one.to_columns() for one in reasons], "due_at": now}
        for connection_id, reasons in wanted
    ]
    if rows:
        tx.execute(sa.insert(relink_request), rows)


def of_issues(tx: Transaction, connection_id: int, identities: Sequence[str], why: Sequence[RelinkReason]) -> None:
    """Request to relink some issues of a connection."""
    row: dict[str, Any] = {
        "connection_id": connection_id,
        "reasons": [one.to_columns() for one in why],
        "renamed": {"issues": list(identities)},
        "due_at": database_now(tx),
    }
    tx.execute(sa.insert(relink_request).values(row))


def of_accounts(
    tx: Transaction, connection_ids: Iterable[int], accounts: Sequence[str], why: Sequence[RelinkReason]
) -> None:
    """Request to relink the issues that have these accounts, by login or id, as authors or assignees."""
    now = database_now(tx)
    rows: list[dict[str, Any]] = [
        {
            "connection_id": one,
            "reasons": [reason.to_columns() for reason in why],
            "renamed": {"accounts": list(accounts)},
            "due_at": now,
        }
        for one in connection_ids
    ]
    if rows:
        tx.execute(sa.insert(relink_request), rows)
