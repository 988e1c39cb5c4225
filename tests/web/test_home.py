"""The home page: what needs the reader, what moved since they last looked, what is theirs."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from tests.support.example_okrs import Example
from tests.support.services import NOW, Clock, add, add_history
from tests.web.rules_seed import add_rule
from tests.web.session_client import SessionClient

pytestmark = pytest.mark.slow


def needs(person: SessionClient) -> str:
    """Return what needs a person, in words."""
    return person.words("/").partition("What needs you")[2].partition("What moved")[0]


def test_whoever_owns_nothing_sees_where_to_go(vera: SessionClient) -> None:
    """Nothing needs them, and they may see all objectives."""
    words = vera.words("/")
    assert "Nothing now." in words
    assert "You own no key result in Q4 2026. See all objectives" in words


def test_the_key_results_of_the_reader_and_the_objectives_of_their_team_are_shown(
    ana: SessionClient, ben: SessionClient
) -> None:
    """Ben owns key results of an objective of another team."""
    page = ben.read("/")
    assert 'id="key-result-KR-2"' in page
    assert 'id="key-result-KR-1"' not in page
    assert "Platform" in ben.words("/").partition("Your key results")[2]
    assert 'id="key-result-KR-1"' in ana.read("/")


def test_a_check_in_that_is_due_needs_its_owner_until_it_is_made(
    ben: SessionClient, ana: SessionClient, services: Services, example: Example, clock: Clock
) -> None:
    """It is not before the day; others are not asked."""
    k = tables.key_result
    with writing(services.engine) as tx:
        tx.execute(sa.update(k).where(k.c.slug == "KR-3").values(cadence="weekly"))
        made = add(
            tx, tables.check_in, key_result_id=example.key_results["KR-3"], person_id=example.ben, at=NOW, confidence=5
        )
    assert "Check-in due" not in needs(ben)
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.check_in).where(tables.check_in.c.id == made).values(at=NOW - timedelta(days=7)))
    assert "Check-in due Conversion from basket to paid up to 68 % checked in weekly" in needs(ben)
    assert "Check-in due" not in needs(ana)


def test_a_proposed_value_needs_its_owner(ben: SessionClient, ana: SessionClient, services: Services) -> None:
    """With the value that would apply."""
    k = tables.key_result
    with writing(services.engine) as tx:
        proposed = {"value": 5.0, "since": NOW.isoformat(), "causes": [], "parts": [], "decision": "waiting"}
        tx.execute(sa.update(k).where(k.c.slug == "KR-4").values(proposed=proposed))
    assert "Value proposed Finish 8 runbooks 5 runbooks in place of" in needs(ben)
    assert "Value proposed" not in needs(ana)


def test_a_broken_connection_needs_its_owner(ana: SessionClient, ben: SessionClient, services: Services) -> None:
    """Of one that nobody owns, the admins."""
    assert "Connection broken acme-jira since" in needs(ana)
    assert "Connection broken" not in needs(ben)
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.connection).values(owner_id=None))
    assert "Connection broken acme-jira since" in needs(ana)
    assert "Connection broken" not in needs(ben)


def test_a_rule_that_nobody_looked_at_for_three_months_needs_its_owner(
    ben: SessionClient, services: Services, example: Example
) -> None:
    """Until it is reviewed."""
    add_rule(services, example, "old-rule", owner_id=example.ben)
    assert "Rule to review" not in needs(ben)
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.rule_revision).values(created_at=NOW - timedelta(days=91)))
    assert "Rule to review old-rule" in needs(ben)
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.rule).values(reviewed_at=NOW - timedelta(days=1)))
    assert "Rule to review" not in needs(ben)


def test_changes_are_shown_until_they_are_marked_as_seen(
    ben: SessionClient, services: Services, example: Example, clock: Clock
) -> None:
    """Those that come later are shown again; a reload marks nothing."""
    clock.advance(timedelta(minutes=1))
    with writing(services.engine) as tx:
        add_history(tx, example.key_results["KR-2"], clock(), before=8.0, after=7.0, causes=[])
    for _ in range(2):
        assert "What moved in the last 7 days" in ben.words("/")
        assert "8 bugs → to 7 bugs" in ben.words("/")
    assert ben.submit("/seen", on="/", until=clock().isoformat()).location == "/"
    words = ben.words("/")
    assert "8 bugs → to 7 bugs" not in words
    assert "What moved since you last looked" in words
    clock.advance(timedelta(minutes=1))
    with writing(services.engine) as tx:
        add_history(tx, example.key_results["KR-2"], clock(), before=7.0, after=6.0, causes=[])
    words = ben.words("/")
    assert "7 bugs → to 6 bugs" in words
    assert "8 bugs → to 7 bugs" not in words


@pytest.mark.parametrize("until", ["", "yesterday", "2026-11-10T09:30:00", "2026-13-40T00:00:00+00:00"])
def test_a_time_that_cannot_be_used_marks_nothing(ben: SessionClient, services: Services, until: str) -> None:
    """The form is refused."""
    assert ben.submit("/seen", on="/", until=until).status_code == 400
    with writing(services.engine) as tx:
        assert set(tx.scalars(sa.select(tables.person.c.changes_seen_at))) == {None}


def test_changes_of_the_future_are_not_marked_as_seen(ben: SessionClient, services: Services, example: Example) -> None:
    """A wrong time in the form would hide what comes."""
    ben.submit("/seen", on="/", until="2999-01-01T00:00:00+00:00")
    with writing(services.engine) as tx:
        p = tables.person.c
        assert tx.execute(sa.select(p.changes_seen_at).where(p.id == example.ben)).scalar_one() <= services.now()


def test_a_cycle_that_is_over_asks_for_no_check_in(ben: SessionClient, services: Services, clock: Clock) -> None:
    """Its numbers are final."""
    with writing(services.engine) as tx:
        tx.execute(sa.update(tables.key_result).values(cadence="weekly"))
        tx.execute(sa.update(tables.cycle).where(tables.cycle.c.slug == "2026-q4").values(ends=date(2026, 11, 1)))
        tx.execute(sa.delete(tables.cycle).where(tables.cycle.c.slug == "2027-q1"))
    assert "Check-in due" not in needs(ben)
