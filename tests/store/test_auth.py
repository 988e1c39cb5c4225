"""Sign-in links, sessions and API tokens: good for what they are for, once or for a time, and kept as hashes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from sync_service.store import tables as t
from sync_service.store.engine.database import open_database, writing
from sync_service.store.engine.migrate import migrate
from sync_service.store.people import auth
from tests.support.servers import Databases

pytestmark = pytest.mark.both_databases

NOW = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def filled(url: str) -> None:
    """Migrate, and put in a person."""
    engine = open_database(url)
    migrate(engine)
    with writing(engine) as tx:
        tx.execute(sa.insert(t.person).values(id=1, email="ana@example.com", name="Ana", role="admin", accounts={}))
    engine.dispose()


@pytest.fixture
def engine(databases: Databases) -> Iterator[Engine]:
    """Give a filled database of either kind."""
    opened = open_database(databases.prepared(filled))
    yield opened
    opened.dispose()


@pytest.fixture
def tx(engine: Engine) -> Iterator[Connection]:
    """Give a transaction."""
    with writing(engine) as begun:
        yield begun


def test_a_sign_in_link_is_good_once(tx: Connection) -> None:
    """And its token is not in the database."""
    token = auth.create_sign_in_link(tx, 1, NOW)
    assert len(token) >= 43
    assert token not in repr(tx.execute(sa.select(t.sign_in_link)).all())
    assert auth.use_sign_in_link(tx, token, NOW) == 1
    assert auth.use_sign_in_link(tx, token, NOW) is None


def test_a_sign_in_link_is_good_for_a_quarter_of_an_hour(tx: Connection) -> None:
    """Not a second longer, and the next one clears it away."""
    token = auth.create_sign_in_link(tx, 1, NOW)
    assert auth.use_sign_in_link(tx, token, NOW + timedelta(minutes=15)) is None
    assert auth.use_sign_in_link(tx, token, NOW + timedelta(minutes=15) - SECOND) == 1
    auth.create_sign_in_link(tx, 1, NOW + timedelta(hours=1))
    assert tx.execute(sa.select(sa.func.count()).select_from(t.sign_in_link)).scalar_one() == 1


def test_of_many_who_use_a_link_at_once_one_gets_in(engine: Engine) -> None:
    """A link that was forwarded, or a browser that asks twice."""
    with writing(engine) as tx:
        token = auth.create_sign_in_link(tx, 1, NOW)

    def use(_: int) -> int | None:
        with writing(engine) as tx:
            return auth.use_sign_in_link(tx, token, NOW)

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(use, range(8)), key=str) == [1, *[None] * 7]


def test_an_unknown_token_opens_nothing(tx: Connection) -> None:
    """Of whatever kind."""
    assert auth.use_sign_in_link(tx, "guess", NOW) is None
    assert auth.session_person(tx, "guess", NOW) is None
    assert auth.token_role(tx, "guess") is None


def test_a_session_lasts_thirty_days_or_until_it_is_ended(tx: Connection) -> None:
    """Its person is told as they are now."""
    token = auth.start_session(tx, 1, NOW)
    tx.execute(sa.update(t.person).values(role="viewer"))
    person = auth.session_person(tx, token, NOW + timedelta(days=30) - SECOND)
    assert person == auth.Person(id=1, email="ana@example.com", name="Ana", role="viewer", timezone="")
    assert auth.session_person(tx, token, NOW + timedelta(days=30)) is None
    auth.end_session(tx, token)
    assert auth.session_person(tx, token, NOW) is None


def test_a_session_ends_with_its_person(tx: Connection) -> None:
    """Who was removed is out at once."""
    token = auth.start_session(tx, 1, NOW)
    tx.execute(sa.delete(t.person))
    assert auth.session_person(tx, token, NOW) is None


def test_a_new_session_clears_old_ones_away(tx: Connection) -> None:
    """The table does not grow for ever."""
    auth.start_session(tx, 1, NOW)
    auth.start_session(tx, 1, NOW + timedelta(days=31))
    assert tx.execute(sa.select(sa.func.count()).select_from(t.session)).scalar_one() == 1


def test_a_token_has_its_role_until_it_is_revoked(tx: Connection) -> None:
    """Its name is free again then."""
    token = auth.create_api_token(tx, name="ci", role="member", now=NOW)
    assert (auth.token_role(tx, token), auth.api_token_names(tx)) == ("member", ["ci"])
    with pytest.raises(auth.NameTaken):
        auth.create_api_token(tx, name="ci", role="admin", now=NOW)
    assert auth.revoke_api_token(tx, "ci", NOW)
    assert not auth.revoke_api_token(tx, "ci", NOW)
    assert (auth.token_role(tx, token), auth.api_token_names(tx)) == (None, [])
    again = auth.create_api_token(tx, name="ci", role="viewer", now=NOW)
    assert (auth.token_role(tx, again), auth.token_role(tx, token)) == ("viewer", None)


def test_a_person_is_found_by_address_in_any_letters(tx: Connection) -> None:
    """With spaces around it, as it is pasted."""
    assert auth.person_id_of(tx, " Ana@Example.com ") == 1
    assert auth.person_id_of(tx, "ben@example.com") is None
