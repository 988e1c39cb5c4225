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


def test_a_refused_look_is_told_after_the_settling_time(empty_core: CoreHarness) -> None:
    """The mark and what is to be told of it are one transaction; nothing is sent while it may mend by itself."""
    with writing(empty_core.engine) as tx:
        tx.execute(sa.update(tables.connection).values(sealed_token=Sealer(("k" * 32,)).encrypt("t"), owner_id=None))
    empty_core.rule("checkout-label", empty_core.key_result(), LABELLED)
    empty_core.receive_and_drain(snapshot(0, labels=["checkout"]))
    empty_core.tracker.snapshots["501#1"] = Refused("paper.example does not accept the credentials (401)")
    empty_core.receive_and_drain(ASKED)
    (refused,) = empty_core.rows(tables.connection)
    (breaking,) = empty_core.rows(tables.connection_alert)
    assert (refused.refused_reason is None, breaking.scope_id) == (False, None)
    assert (breaking.outcome, empty_core.rows(tables.mail)) == ("waits the settling time", [])
    with writing(empty_core.engine) as tx:
        now = database_now(tx)
        tx.execute(sa.update(tables.connection_alert).values(broke_at=now - timedelta(minutes=11), due_at=now))
    empty_core.drains.by_table["connection_alert"]()
    (mail,) = empty_core.rows(tables.mail)
    assert (mail.kind, mail.recipient) == ("broken", "ana@example.com")
