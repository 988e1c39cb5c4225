"""From a refused fetch to the mail to the connection's owner."""

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

FETCH_NEEDED = FetchNeeded(identity="501#1", key="acme/checkout#1", reason="the delivery is partial")


def test_a_refused_fetch_is_mailed_after_the_settling_time(empty_core: CoreHarness) -> None:
    """The refusal and its alert are one transaction; no mail is sent while the connection may recover."""
    with writing(empty_core.engine) as tx:
        tx.execute(sa.update(tables.connection).values(sealed_token=Sealer(("k" * 32,)).encrypt("t"), owner_id=None))
    empty_core.rule("checkout-label", empty_core.key_result(), LABELLED)
    empty_core.receive_and_drain(snapshot(0, labels=["checkout"]))
    empty_core.tracker.snapshots["501#1"] = Refused("paper.example does not accept the credentials (401)")
    empty_core.receive_and_drain(FETCH_NEEDED)
    (refused,) = empty_core.rows(tables.connection)
    (alert,) = empty_core.rows(tables.connection_alert)
    assert (refused.refused_reason is None, alert.scope_id) == (False, None)
    assert (alert.outcome, empty_core.rows(tables.mail)) == ("waits the settling time", [])
    with writing(empty_core.engine) as tx:
        now = database_now(tx)
        tx.execute(sa.update(tables.connection_alert).values(broke_at=now - timedelta(minutes=11), due_at=now))
    empty_core.drains.by_table["connection_alert"]()
    (mail,) = empty_core.rows(tables.mail)
    assert (mail.kind, mail.recipient) == ("broken", "ana@example.com")
