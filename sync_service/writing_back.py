"""Writing back: each linked issue says which key results it serves, and how they stand.

What is due is only that an issue may have something to say. What it says is decided from the rows as they then stand,
what it says already is not sent again, and no write is made inside a transaction. Writes of one credential go one by
one, spread over the time: see `store/turns.py`. Every now and then a round compares all linked issues with what they
say, which finds whatever was not made due by itself: key results that moved, rules that changed, a switch that was
thrown.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine, Row

from sync_service.asking import LEASE, Asking, part_of
from sync_service.domain.connectors import Connector, ConnectorError, Unavailable
from sync_service.domain.writing import Note, WritesBack
from sync_service.noting import ids_of, note_of
from sync_service.store import due, turns, write_backs
from sync_service.store.connections import Configured, Connections
from sync_service.store.database import begin_again, database_now, reading, writing
from sync_service.store.tables import write_back, write_round
from sync_service.store.write_backs import Ask

CHUNK = 500
"""Issues that are compared in one transaction."""

NOW = timedelta(0)
SWITCHED_OFF = "writing back is switched off"

TAKEN_AWAY = "somebody took away what was said; it is said again once the issue serves other key results"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What an issue is to say, and the key results that it is about."""

    note: Note
    serves: str
    manner: str

    @property
    def digest(self) -> str:
        """Hash what is worth a write; empty where there is nothing to say."""
        return self.note.digest(self.manner) if self.note.serves else ""


class WritingBack:
    """Drains what issues have to say. Safe to run at any moment, any number of times, by any number of workers."""

    def __init__(
        self,
        *,
        engine: Engine,
        connectors: Mapping[str, Connector],
        connections: Connections,
        base_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._connectors = connectors
        self._connections = connections
        self._base_url = base_url
        self._asking = Asking(engine=engine, table=write_back, now=now)
        self._rounds = Asking(engine=engine, table=write_round, now=now)

    def drain(self) -> int:
        """Write on one issue; give how many rows were claimed."""
        return self._asking.drain(self._take)

    def drain_rounds(self) -> int:
        """Take a round that is due one chunk further; give how many rows were claimed."""
        return self._rounds.drain(lambda row: begin_again(partial(self._compare, row)))

    def _take(self, row: Row[Any]) -> None:
        connection = self._connections.of(row.connection_id)
        connector = self._connectors[connection.kind]
        if not connection.view.mark:
            self._asking.postpone(row, due.FIRST_WAIT, "waits until this process knows that it is switched on")
            return
        if not isinstance(connector, WritesBack) or not connection.view.has_credentials:
            self._asking.settle(
                row, "there are no credentials to write with, or a tracker that can't be written to yet"
            )
            return
        wanted = self._wanted(row, connector.manner(connection.view))
        if isinstance(wanted, str):
            self._asking.settle(row, wanted)
            return
        if self._asking.must_wait(row, connection, part=part_of(connector, connection, about=row.identity)):
            return
        own = ""
        try:
            part = connector.writing_part(connection.view, about=row.identity)
            own = f"{part}/{row.identity}"
            if rest := self._asking.rest_of(connection, own):
                self._asking.postpone(row, rest, f"waits until the tracker can answer ({own})")
            elif self._may_write(row, wanted, part):
                self._write(row, wanted, connector, connection, part=part)
        except ConnectorError as error:
            if isinstance(error, Unavailable) and error.part == own:
                self._leave_alone(row, connection, error)
            else:
                self._asking.failed(row, connection, error)

    def _leave_alone(self, row: Row[Any], connection: Configured, error: Unavailable) -> None:
        """Let an issue that may not be written on wait, longer each time: others need the times that are kept."""
        wait = self._asking.pause(connection, error, attempts=row.attempts) * 2 ** min(row.attempts - 1, 10)
        later = {"urgent": False, "slot_at": None, "attempts": row.attempts}
        with writing(self._engine) as tx:
            due.hand_back(tx, write_back, row, wait=min(wait, turns.FARTHEST), outcome=str(error), **later)

    def _wanted(self, row: Row[Any], manner: str) -> _Wanted | str:
        """Decide from the rows as they now stand what an issue is to say; else give why nothing is to be written."""
        with reading(self._engine) as tx:
            if not write_backs.is_on(tx, row.connection_id):
                return SWITCHED_OFF
            if write_backs.is_gone(tx, row.connection_id, row.identity):
                return "the issue is gone"
            found = write_backs.served(tx, row.connection_id, [row.identity]).get(row.identity, [])
        wanted = _Wanted(note_of(found, self._base_url), ids_of(found), manner)
        if row.taken_away and wanted.serves == row.serves:
            return TAKEN_AWAY
        if wanted.digest == row.digest and not _may_be_there(row):
            return "it says so already" if row.digest else "it serves no key result"
        return wanted

    def _may_write(self, row: Row[Any], wanted: _Wanted, part: str) -> bool:
        """Take the turn at the time that is kept for the row; where it is not ours yet, let the row wait for it."""
        lane = turns.LINKS if row.urgent and wanted.serves != row.serves else turns.STANDINGS
        with writing(self._engine) as tx:
            at = row.slot_at
            if at is None or not -turns.KEPT <= at - database_now(tx) <= turns.FARTHEST:
                at = turns.time_for(tx, row.connection_id, part, lane)
            now = database_now(tx)
            if at is None:
                wait, outcome = turns.FARTHEST, "waits until fewer issues have something to say"
            elif at > now:
                wait, outcome = at - now, "waits for its time: the tracker takes so many writes and no more"
            else:
                # A turn is held for as long as a death may last, and given back in a moment.
                wait = min(turns.take(tx, row.connection_id, part, most=LEASE), 2 * turns.GAP)
                outcome = "waits for its turn: writes go one by one"
            if wait:
                if due.asked_meanwhile(tx, write_back, row):
                    wait, at = due.SETTLING, None  # the time that was kept is for what it had to say before
                # It was no attempt.
                columns = {"outcome": outcome, "slot_at": at, "attempts": row.attempts - 1}
                due.hand_back(tx, write_back, row, wait=wait, **columns)
        return wait == NOW

    def _write(
        self, row: Row[Any], wanted: _Wanted, connector: WritesBack, connection: Configured, *, part: str
    ) -> None:
        place: dict[str, Any] = {"identity": row.identity, "key": row.key, "memory": row.memory}
        try:
            if wanted.note.serves:
                afresh = wanted.serves != row.serves or row.written_at is None
                memory = connector.write(connection.view, **place, note=wanted.note, afresh=afresh)
                outcome = "written" if memory is not None else TAKEN_AWAY
            else:
                memory, outcome = connector.unwrite(connection.view, **place), "it serves no key result any more"
        finally:
            with writing(self._engine) as tx:
                turns.give_back(tx, row.connection_id, part)
        self._asking.answered(connection)
        with writing(self._engine) as tx:
            self._finish(tx, row, wanted, memory=memory, outcome=outcome)

    def _finish(self, tx: Transaction, row: Row[Any], wanted: _Wanted, *, memory: str | None, outcome: str) -> None:
        """Remember what was written; a row that was asked for meanwhile is due again."""
        columns = {
            "outcome": outcome,
            "memory": memory,
            "serves": wanted.serves,
            "digest": wanted.digest,
            "written_at": database_now(tx),
            "slot_at": None,
            "taken_away": bool(wanted.serves) and memory is None,
        }
        asked = due.asked_meanwhile(tx, write_back, row)
        due.settle(tx, write_back, [row], [columns | {"urgent": asked}])

    def _compare(self, row: Row[Any]) -> None:
        """Compare the next issues with what they say, and make due what says something else."""
        with writing(self._engine) as tx:
            if not write_backs.is_on(tx, row.connection_id):
                due.settle(tx, write_round, [row], [{"outcome": SWITCHED_OFF, "cursor": 0}])
                return
            found = write_backs.chunk(tx, row.connection_id, after=row.cursor, limit=CHUNK)
            write_backs.ask(tx, list(self._differing(tx, row.connection_id, found)), urgent=False)
            if len(found) < CHUNK:
                # Not before: whoever wakes a round has asked for issues first.
                again = write_backs.ROUND if write_backs.is_woken(tx, row.id) else write_backs.STANDING_AGAIN
                due.hand_back(tx, write_round, row, wait=again, outcome="all were compared", cursor=0, woken=False)
            else:
                last = found[-1]
                due.hand_back(tx, write_round, row, outcome=f"compared up to {last.key}", cursor=last.id)

    def _differing(self, tx: Transaction, connection_id: int, found: Sequence[Row[Any]]) -> Iterator[Ask]:
        now, manner = database_now(tx), self._manner(connection_id)
        served = write_backs.served(tx, connection_id, [one.identity for one in found])
        again = write_backs.standing_again(tx, connection_id)
        for one in found:
            rows = served.get(one.identity, [])
            wanted = _Wanted(note_of(rows, self._base_url), ids_of(rows), manner)
            buried = one.buried_at is not None and now - one.buried_at < write_backs.BURIED_AGAIN
            waits = one.due_at is not None or buried
            if waits or wanted.digest == (one.digest or ""):
                continue
            same = wanted.serves == one.serves
            if same and one.taken_away:
                continue
            rest = one.written_at + again - now if same and one.written_at else NOW
            # Times by a clock that was stepped back are no reason to wait longer.
            yield Ask(connection_id, one.identity, one.key, min(max(rest, NOW), again))

    def _manner(self, connection_id: int) -> str:
        connection = self._connections.of(connection_id)
        connector = self._connectors[connection.kind]
        return connector.manner(connection.view) if isinstance(connector, WritesBack) else ""


def _may_be_there(row: Row[Any]) -> bool:
    """Tell whether something else may stand on the issue than the row knows: somebody tried, and died."""
    return bool(row.attempts > 1)
