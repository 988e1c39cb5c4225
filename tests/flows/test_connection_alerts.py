"""From a tracker that refuses a look to the mail that its owner gets."""

from datetime import timedelta

import sqlalchemy as sa

from sync_service.domain.trackers.connector import Refused
from sync_service.domain.trackers.observations import FetchNeeded
from sync_service.store import tables
from sync_service.store.engine.database import database_now, writing
from sync_service.store.engine.encryption import Sealer
from tests.domain.factories import snapshot
from tests.support.config_file import LABELLED
from tests.support.fake_tracker import CoreHarness

ASKED = FetchNeeded(identity="501#1", key="acme/checkout#1", reason="the letter is partial")


def test_a_refused_look_is_told_after_the_settling_time(bare_world: CoreHarness) -> None:
    """The mark and what is to be told of it are one transaction; nothing is sent while it may mend by itself."""
    with writing(bare_world.engine) as tx:
        tx.execute(sa.update(tables.connection).values(sealed_token=Sealer(("k" * 32,)).encrypt("t"), owner_id=None))
    bare_world.rule("checkout-label", bare_world.key_result(), LABELLED)
    bare_world.receive_and_drain(snapshot(0, labels=["checkout"]))
    bare_world.tracker.snapshots["501#1"] = Refused("paper.example does not accept the credentials (401)")
    bare_world.receive_and_drain(ASKED)
    (refused,) = bare_world.rows(tables.connection)
    (breaking,) = bare_world.rows(tables.connection_alert)
    assert (refused.refused_reason is None, breaking.scope_id) == (False, None)
    assert (breaking.outcome, bare_world.rows(tables.mail)) == ("waits the settling time", [])
    with writing(bare_world.engine) as tx:
        now = database_now(tx)
        tx.execute(sa.update(tables.connection_alert).values(broke_at=now - timedelta(minutes=11), due_at=now))
    bare_world.drains.by_table["connection_alert"]()
    (mail,) = bare_world.rows(tables.mail)
    assert (mail.kind, mail.recipient) == ("broken", "ana@example.com")
