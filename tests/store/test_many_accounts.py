"""Thousands of accounts at once: no statement asks for more of them than a database takes."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.domain.trackers.observations import Account
from sync_service.store import tables
from sync_service.store.engine.database import open_database, reading, writing
from sync_service.store.trackers import issue_people, issues
from sync_service.store.trackers.issue_subset import Subset

pytestmark = pytest.mark.both_databases

PEOPLE, ISSUES = 1500, 5


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """Yield a database with some issues, each by another author."""
    opened = open_database(migrated_url)
    with writing(opened) as tx:
        connection: dict[str, Any] = {"slug": "gh", "kind": "github", "site": "https://api.github.com", "options": {}}
        found = sa.insert(tables.connection).values(**connection, sealed_secrets=[]).returning(tables.connection.c.id)
        connection_id = tx.execute(found).scalar_one()
        for number in range(ISSUES):
            author = issue_people.to_columns(Account(f"a-{number}", "Ana", str(number)))
            named = {"identity": f"501#{number}", "key": f"acme/checkout#{number}", "labels": [], "assignees": []}
            tx.execute(sa.insert(tables.issue).values(connection_id=connection_id, author=author, **named))
    yield opened
    opened.dispose()


def connection_id_of(engine: Engine) -> int:
    """Return the id of the connection."""
    with reading(engine) as tx:
        found: int = tx.scalars(sa.select(tables.connection.c.id)).one()
        return found


def test_issues_of_many_accounts_are_found(engine: Engine) -> None:
    """Each once, with the account that it has."""
    with reading(engine) as tx:
        logins = [f"a-{number}" for number in range(PEOPLE)]
        found = [account.id for _, account in issue_people.having(tx, [connection_id_of(engine)], logins)]
    assert sorted(found) == [f"a-{number}" for number in range(ISSUES)]


@pytest.mark.parametrize(("named", "expected"), [(2, 2), (PEOPLE, ISSUES)])
def test_a_relink_of_many_accounts_goes_through_their_issues(engine: Engine, named: int, expected: int) -> None:
    """Through all issues, where there are too many accounts to ask for; of few accounts only through theirs."""
    subset = Subset(accounts=[f"a-{number}" for number in range(named)])
    mine = connection_id_of(engine)
    with writing(engine) as tx:
        assert issues.any_after(tx, connection_id=mine, after=0, subset=subset)
        assert len(issues.lock_chunk(tx, connection_id=mine, after=0, limit=100, subset=subset)) == expected
