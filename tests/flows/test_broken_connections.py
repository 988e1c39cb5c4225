"""From a tracker that refuses a look to the mail that its owner gets."""

from datetime import timedelta

import sqlalchemy as sa

from sync_service.domain.connectors import Refused
from sync_service.domain.issues import Look
from sync_service.store import tables
from sync_service.store.database import database_now, open_database, writing
from sync_service.store.sealing import Sealer
from tests.domain.making import snapshot
from tests.world import World

ASKED = Look(identity="501#1", key="acme/checkout#1", reason="the letter is partial")


def test_a_refused_look_is_told_after_the_settling_time(migrated_url: str) -> None:
    """The mark and what is to be told of it are one transaction; nothing is sent while it may mend by itself."""
    world = World(open_database(migrated_url))
    with writing(world.engine) as tx:
        tx.execute(sa.update(tables.connection).values(sealed_token=Sealer(("k" * 32,)).seal("t"), owner_id=None))
    world.rule("checkout-label", world.key_result(), {"field": "labels", "has": "checkout"})
    world.tell(snapshot(0, labels=["checkout"]))
    world.tracker.shown["501#1"] = Refused("paper.example does not accept the credentials (401)")
    world.tell(ASKED)
    (refused,) = world.rows(tables.connection)
    (breaking,) = world.rows(tables.breaking)
    assert (refused.refused_reason is None, breaking.scope_id) == (False, None)
    assert (breaking.outcome, world.rows(tables.mail)) == ("waits the settling time", [])
    with writing(world.engine) as tx:
        now = database_now(tx)
        tx.execute(sa.update(tables.breaking).values(broke_at=now - timedelta(minutes=11), due_at=now))
    world.drains.by_table["breaking"]()
    (mail,) = world.rows(tables.mail)
    assert (mail.kind, mail.recipient) == ("broken", "ana@example.com")
    world.engine.dispose()
