"""Sign-in links, sessions and API tokens: valid once or for a time, stored as hashes."""

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


def insert_person(url: str) -> None:
    """Migrate the database and insert a person."""
    engine = open_database(url)
    migrate(engine)
    with writing(engine) as tx:
        tx.execute(sa.insert(t.person).values(id=1, email="ana@example.com", name="Ana", role="admin", accounts={}))
    engine.dispose()


@pytest.fixture
def engine(databases: Databases) -> Iterator[Engine]:
    """Yield a prepared database of each kind."""
    opened = open_database(databases.prepared(insert_person))
    yield opened
    opened.dispose()


@pytest.fixture
def tx(engine: Engine) -> Iterator[Connection]:
    """Yield a transaction."""
    with writing(engine) as begun:
        yield begun


def test_a_sign_in_link_works_once(tx: Connection) -> None:
    """The database does not hold its token."""
    token = auth.create_sign_in_link(tx, 1, NOW)
    assert len(token) >= 43
    assert token not in repr(tx.execute(sa.select(t.sign_in_link)).all())
    assert auth.use_sign_in_link(tx, token, NOW) == 1
    assert auth.use_sign_in_link(tx, token, NOW) is None


def test_a_sign_in_link_is_valid_for_fifteen_minutes(tx: Connection) -> None:
    """Not a second longer. The next link deletes the old one."""
    token = auth.create_sign_in_link(tx, 1, NOW)
    assert auth.use_sign_in_link(tx, token, NOW + timedelta(minutes=15)) is None
    assert auth.use_sign_in_link(tx, token, NOW + timedelta(minutes=15) - SECOND) == 1
    auth.create_sign_in_link(tx, 1, NOW + timedelta(hours=1))
    assert tx.execute(sa.select(sa.func.count()).select_from(t.sign_in_link)).scalar_one() == 1


def test_only_one_of_many_concurrent_sign_ins_succeeds(engine: Engine) -> None:
    """A link may be forwarded, or a browser may send it twice."""
    with writing(engine) as tx:
        token = auth.create_sign_in_link(tx, 1, NOW)

    def use(_: int) -> int | None:
        with writing(engine) as tx:
            return auth.use_sign_in_link(tx, token, NOW)

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(use, range(8)), key=str) == [1, *[None] * 7]


def test_an_unknown_token_is_refused(tx: Connection) -> None:
    """The same holds for every kind of token."""
    assert auth.use_sign_in_link(tx, "guess", NOW) is None
    assert auth.session_person(tx, "guess", NOW) is None
    assert auth.find_api_token(tx, "guess", NOW) is None


def test_a_session_lasts_thirty_days_or_until_sign_out(tx: Connection) -> None:
    """It returns the person's current data."""
    token = auth.start_session(tx, 1, NOW)
    tx.execute(sa.update(t.person).values(role="viewer"))
    person = auth.session_person(tx, token, NOW + timedelta(days=30) - SECOND)
    assert person == auth.Person(id=1, email="ana@example.com", name="Ana", role="viewer", timezone="")
    assert auth.session_person(tx, token, NOW + timedelta(days=30)) is None
    auth.end_session(tx, token)
    assert auth.session_person(tx, token, NOW) is None


def test_a_session_ends_when_its_person_is_removed(tx: Connection) -> None:
    """A removed person is signed out at once."""
    token = auth.start_session(tx, 1, NOW)
    tx.execute(sa.delete(t.person))
    assert auth.session_person(tx, token, NOW) is None


def test_a_new_session_deletes_expired_ones(tx: Connection) -> None:
    """The table must not grow without limit."""
    auth.start_session(tx, 1, NOW)
    auth.start_session(tx, 1, NOW + timedelta(days=31))
    assert tx.execute(sa.select(sa.func.count()).select_from(t.session)).scalar_one() == 1


def role_of(tx: Connection, token: str, now: datetime = NOW) -> str | None:
    """Return the role of a token."""
    found = auth.find_api_token(tx, token, now)
    return found.role if found else None


def test_a_token_has_its_role_until_it_is_revoked(tx: Connection) -> None:
    """Then its name is free again."""
    token = auth.create_api_token(tx, name="ci", role="member", now=NOW)
    assert (role_of(tx, token), auth.api_tokens(tx)) == ("member", [auth.ApiToken("ci", "member", NOW)])
    with pytest.raises(auth.NameTaken):
        auth.create_api_token(tx, name="ci", role="admin", now=NOW)
    assert auth.revoke_api_token(tx, "ci", NOW)
    assert not auth.revoke_api_token(tx, "ci", NOW)
    assert (role_of(tx, token), auth.api_tokens(tx)) == (None, [])
    again = auth.create_api_token(tx, name="ci", role="viewer", now=NOW)
    assert (role_of(tx, again), role_of(tx, token)) == ("viewer", None)


def test_a_token_may_expire(tx: Connection) -> None:
    """Then its name is free again."""
    token = auth.create_api_token(tx, name="ci", role="member", now=NOW, expires_at=NOW + SECOND)
    assert (role_of(tx, token), role_of(tx, token, NOW + SECOND)) == ("member", None)
    with pytest.raises(auth.NameTaken):
        auth.create_api_token(tx, name="ci", role="member", now=NOW)
    auth.create_api_token(tx, name="ci", role="viewer", now=NOW + SECOND)
    assert [one.role for one in auth.api_tokens(tx)] == ["viewer"]


def test_of_tokens_created_at_once_with_one_name_one_is_created(engine: Engine) -> None:
    """The others are told that the name is taken."""

    def create(_: int) -> bool:
        with writing(engine) as tx:
            try:
                auth.create_api_token(tx, name="ci", role="viewer", now=NOW)
            except auth.NameTaken:
                return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(create, range(8))) == [*[False] * 7, True]


def test_using_a_sign_in_link_ends_the_others_of_the_person(tx: Connection) -> None:
    """One of them may have been requested by somebody else."""
    first, second = (auth.create_sign_in_link(tx, 1, NOW) for _ in range(2))
    tx.execute(sa.insert(t.person).values(id=2, email="ben@example.com", name="Ben", role="admin", accounts={}))
    of_ben = auth.create_sign_in_link(tx, 2, NOW)
    assert auth.use_sign_in_link(tx, second, NOW) == 1
    assert auth.use_sign_in_link(tx, first, NOW) is None
    assert auth.use_sign_in_link(tx, of_ben, NOW) == 2


def test_a_persons_sessions_are_listed_and_ended_with_the_links(tx: Connection) -> None:
    """Those of others go on."""
    token, link = auth.start_session(tx, 1, NOW), auth.create_sign_in_link(tx, 1, NOW)
    assert auth.sessions_of(tx, 1, NOW) == [auth.Session(NOW, NOW + timedelta(days=30))]
    assert auth.sessions_of(tx, 1, NOW + timedelta(days=30)) == []
    assert auth.end_sessions(tx, 2) == 0
    assert auth.session_person(tx, token, NOW)
    assert auth.end_sessions(tx, 1) == 1
    assert auth.session_person(tx, token, NOW) is None
    assert auth.use_sign_in_link(tx, link, NOW) is None


def test_a_person_is_found_by_address_in_any_case(tx: Connection) -> None:
    """Spaces around a pasted address do not matter."""
    assert auth.person_id_of(tx, " Ana@Example.com ") == 1
    assert auth.person_id_of(tx, "ben@example.com") is None
