"""Settings of teams: the nearest that is set, read once in a transaction."""

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from sync_service.domain.measures.status import Thresholds
from sync_service.domain.people.cadence import NEVER, Cadence, parse_cadence
from sync_service.store import tables as t
from sync_service.store.engine.database import open_database, writing
from sync_service.store.okrs.team_settings import Settings, clear_cache, organisation_zone, team_settings

MADRID, TOKYO = ZoneInfo("Europe/Madrid"), ZoneInfo("Asia/Tokyo")


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """Yield a migrated database whose setting is Madrid."""
    opened = open_database(migrated_url, zone=MADRID)
    yield opened
    opened.dispose()


def add(tx: sa.engine.Connection, slug: str, **columns: Any) -> int:
    """Add a team; return its id."""
    values = {"slug": slug, "name": slug, **columns}
    found: int = tx.execute(sa.insert(t.team).values(values).returning(t.team.c.id)).scalar_one()
    return found


@pytest.mark.both_databases
def test_the_team_then_its_parents_then_the_organisation_then_the_setting_decide(engine: Engine) -> None:
    """Each setting by itself."""
    with writing(engine) as tx:
        assert team_settings(tx).of(None) == Settings(zone=MADRID)
        organisation = {"timezone": "Asia/Tokyo", "cadence": "monthly", "thresholds": {"at_risk": 5, "behind": 6}}
        tx.execute(sa.insert(t.organisation).values(organisation | {"grace_days": 7, "week_starts": "sun"}))
        top = add(tx, "top", thresholds={"at_risk": 1, "behind": 2}, calendar={"days": ["mon"]})
        middle = add(tx, "middle", parent_id=top, timezone="UTC", cadence="none")
        low = add(tx, "low", parent_id=middle, cadence="every 3 weeks")
        clear_cache(tx)
        settings = team_settings(tx)
        assert settings.of(low) == Settings(
            zone=ZoneInfo("UTC"),
            thresholds=Thresholds(1, 2),
            calendar={"days": ["mon"]},
            cadence=Cadence(weeks=3),
        )
        assert settings.of(middle).cadence == NEVER
        assert settings.of(top) == Settings(
            zone=TOKYO, thresholds=Thresholds(1, 2), calendar={"days": ["mon"]}, cadence=Cadence(months=1)
        )
        assert settings.of(None).thresholds == Thresholds(5, 6)
        assert (settings.grace_days, settings.week_starts, organisation_zone(tx)) == (7, 6, TOKYO)


def test_settings_are_read_once_in_a_transaction(engine: Engine) -> None:
    """Another transaction reads them again, and so does one that changed them and says so."""
    with writing(engine) as tx:
        first = team_settings(tx)
        add(tx, "a", timezone="UTC")
        assert team_settings(tx) is first
        clear_cache(tx)
        assert team_settings(tx) is not first
    with writing(engine) as tx:
        assert team_settings(tx) is not first


def test_parents_in_a_circle_end(engine: Engine) -> None:
    """Files can't make one; a database edited by hand can."""
    with writing(engine) as tx:
        one = add(tx, "one")
        tx.execute(sa.update(t.team).values(parent_id=one))
        assert team_settings(tx).of(one) == Settings(zone=MADRID)


@given(st.integers(0, 99))
def test_a_cadence_is_from_two_to_twenty_six_weeks(weeks: int) -> None:
    """One week is weekly."""
    if 2 <= weeks <= 26:
        assert parse_cadence(f"every {weeks} weeks") == Cadence(weeks=weeks)
    else:
        with pytest.raises(ValueError, match="weekly, every 2 weeks"):
            parse_cadence(f"every {weeks} weeks")
