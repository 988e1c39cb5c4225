"""Write-back: write notes on issues that say which key results an issue serves, and their status.

A due row only means that an issue may need a new note. The note is built from the rows as they are then, and written
only if it differs from the last one. No write call is made inside a transaction. Writes of one credential go one by
one, spread over time: see `store/queue/write_slots.py`. Every now and then a round compares all linked issues with
their notes. It finds what made no row due by itself: key results that moved, rules that changed, a setting that was
switched.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine, Row

from sync_service.domain.trackers.connector import Connector, ConnectorError, Unavailable
from sync_service.domain.trackers.write_back import Note, WritesBack
from sync_service.progress.forecasts.worth import Worth, WorthReader
from sync_service.store.engine import versions
from sync_service.store.engine.database import database_now, reading, retry_on_conflict, writing
from sync_service.store.jobs import write_backs
from sync_service.store.jobs.write_backs import NoteRequest
from sync_service.store.okrs.ruleset import Ruleset, load_ruleset
from sync_service.store.okrs.team_settings import team_settings
from sync_service.store.queue import due, write_slots
from sync_service.store.queue.rate_limits import bucket_words
from sync_service.store.tables import write_back, write_back_round
from sync_service.store.trackers.connections import Configured, Connections
from sync_service.tracker_sync.call_policy import LEASE, CallPolicy, bucket_for
from sync_service.write_back.note_text import build_note, key_result_ids

CHUNK = 500
"""Issues compared in one transaction."""

NO_WAIT = timedelta(0)
SWITCHED_OFF = "write-back is switched off"

NOTE_DELETED = "somebody deleted the note; it is written again once the issue serves other key results"


@dataclass(frozen=True, slots=True)
class _WantedNote:
    """The note an issue should have, and the key results it names."""

    note: Note
    serves: str
    format_version: str

    @property
    def digest(self) -> str:
        """Return a hash of the note's content; empty where there is nothing to say."""
        return self.note.digest(self.format_version) if self.note.key_results else ""


@dataclass(slots=True, kw_only=True)
class NoteWriter:
    """Drains write-backs. Safe to run at any moment, any number of times, by any number of workers."""

    engine: Engine
    connectors: Mapping[str, Connector]
    connections: Connections
    base_url: str
    now: Callable[[], datetime]
    _policy: CallPolicy = field(init=False)
    _rounds: CallPolicy = field(init=False)
    _ruleset: Ruleset | None = None

    def __post_init__(self) -> None:
        self._policy = CallPolicy(engine=self.engine, table=write_back, now=self.now)
        self._rounds = CallPolicy(engine=self.engine, table=write_back_round, now=self.now)

    def drain(self) -> int:
        """Write the note of one issue; return how many rows were claimed."""
        return self._policy.drain(self._process)

    def drain_rounds(self) -> int:
        """Process one chunk of a due round; return how many rows were claimed."""
        return self._rounds.drain(lambda row: retry_on_conflict(partial(self._compare, row)))

    def _process(self, row: Row[Any]) -> None:
        connection = self.connections.of(row.connection_id)
        connector = self.connectors[connection.kind]
        if not connection.view.owner_marker:
            self._policy.postpone(row, due.FIRST_WAIT, "waits until this process knows that write-back is switched on")
            return
        if not isinstance(connector, WritesBack) or not connection.view.has_credentials:
            self._policy.settle(row, "there are no credentials to write with, or the tracker has no write-back yet")
            return
        wanted = self._wanted_note(row, connector.format_version(connection.view))
        if isinstance(wanted, str):
            self._policy.settle(row, wanted)
            return
        if self._policy.is_blocked(row, connection, bucket=bucket_for(connector, connection, about=row.identity)):
            return
        issue_bucket = ""
        try:
            bucket = connector.write_bucket(connection.view, about=row.identity)
            issue_bucket = f"{bucket}/{row.identity}"
            if blocked := self._policy.blocked_for(connection, issue_bucket):
                self._policy.postpone(
                    row, blocked, f"waits until the tracker can answer ({bucket_words(issue_bucket)})"
                )
            elif self._acquire_slot(row, wanted, bucket):
                self._write(row, wanted, connector, connection, bucket=bucket)
        except ConnectorError as error:
            if isinstance(error, Unavailable) and error.bucket == issue_bucket:
                self._postpone_longer(row, connection, error)
            else:
                self._policy.handle_error(row, connection, error)

    def _postpone_longer(self, row: Row[Any], connection: Configured, error: Unavailable) -> None:
        """Postpone an issue that may not be written on, longer each time: others need the reserved slots."""
        wait = self._policy.block(connection, error, attempts=row.attempts) * 2 ** min(row.attempts - 1, 10)
        later = {"urgent": False, "slot_at": None, "attempts": row.attempts}
        with writing(self.engine) as tx:
            due.release(tx, write_back, row, wait=min(wait, write_slots.FARTHEST), outcome=str(error), **later)

    def _wanted_note(self, row: Row[Any], format_version: str) -> _WantedNote | str:
        """Return the note an issue should have now, or the reason why nothing is written."""
        with reading(self.engine) as tx:
            if not write_backs.is_on(tx, row.connection_id):
                return SWITCHED_OFF
            if write_backs.is_gone(tx, row.connection_id, row.identity):
                return "the issue is gone"
            found = write_backs.served(tx, row.connection_id, [row.identity]).get(row.identity, [])
            worth = self._worths(tx, {row.identity: found}).get(row.identity, ())
            note = build_note(found, self.base_url, team_settings(tx), worth)
        wanted = _WantedNote(note, key_result_ids(found), format_version)
        if row.removed_by_person and wanted.serves == row.serves:
            return NOTE_DELETED
        if wanted.digest == row.digest and not _may_differ(row):
            return "the note is up to date" if row.digest else "the issue serves no key result"
        return wanted

    def _acquire_slot(self, row: Row[Any], wanted: _WantedNote, bucket: str) -> bool:
        """Acquire the bucket's writer when the row's slot has come; else postpone. Return whether the row may write."""
        write_bucket = write_slots.URGENT if row.urgent and wanted.serves != row.serves else write_slots.BACKGROUND
        with writing(self.engine) as tx:
            at = row.slot_at
            if at is None or not -write_slots.KEPT <= at - database_now(tx) <= write_slots.FARTHEST:
                at = write_slots.reserve_slot(tx, row.connection_id, bucket, write_bucket)
            now = database_now(tx)
            if at is None:
                wait, outcome = write_slots.FARTHEST, "waits until fewer notes are due"
            elif at > now:
                wait, outcome = at - now, "waits for its write slot: the tracker limits the number of writes"
            else:
                # A writer that died holds the bucket for the whole lease; others release it after a moment.
                wait = min(write_slots.acquire_writer(tx, row.connection_id, bucket, most=LEASE), 2 * write_slots.GAP)
                outcome = "waits for another write: writes go one by one"
            if wait:
                if due.requested_again(tx, write_back, row):
                    wait, at = due.SETTLING, None  # the slot was for the earlier note
                # This does not count as an attempt.
                columns = {"outcome": outcome, "slot_at": at, "attempts": row.attempts - 1}
                due.release(tx, write_back, row, wait=wait, **columns)
        return wait == NO_WAIT

    def _write(
        self, row: Row[Any], wanted: _WantedNote, connector: WritesBack, connection: Configured, *, bucket: str
    ) -> None:
        target: dict[str, Any] = {"identity": row.identity, "key": row.key, "memory": row.memory}
        try:
            if wanted.note.key_results:
                force = wanted.serves != row.serves or row.written_at is None
                memory = connector.write(connection.view, **target, note=wanted.note, force=force)
                outcome = "written" if memory is not None else NOTE_DELETED
            else:
                memory, outcome = (
                    connector.remove_note(connection.view, **target),
                    "the issue no longer serves a key result",
                )
        finally:
            with writing(self.engine) as tx:
                write_slots.release_writer(tx, row.connection_id, bucket)
        self._policy.note_recovered(connection)
        with writing(self.engine) as tx:
            self._finish(tx, row, wanted, memory=memory, outcome=outcome)

    def _finish(self, tx: Transaction, row: Row[Any], wanted: _WantedNote, *, memory: str | None, outcome: str) -> None:
        """Save what was written; a row that was requested again meanwhile is due again."""
        columns = {
            "outcome": outcome,
            "memory": memory,
            "serves": wanted.serves,
            "digest": wanted.digest,
            "written_at": database_now(tx),
            "slot_at": None,
            "removed_by_person": bool(wanted.serves) and memory is None,
        }
        requested_again = due.requested_again(tx, write_back, row)
        due.settle(tx, write_back, [row], [columns | {"urgent": requested_again}])

    def _compare(self, row: Row[Any]) -> None:
        """Compare the next issues with their notes, and make those due that differ."""
        with reading(self.engine) as tx:  # what issues are worth takes longer than others should wait
            next_ones = write_backs.chunk(tx, row.connection_id, after=row.cursor, limit=CHUNK)
            served = write_backs.served(tx, row.connection_id, [one.identity for one in next_ones])
            worths = self._worths(tx, served) if write_backs.is_on(tx, row.connection_id) else {}
        with writing(self.engine) as tx:
            if not write_backs.is_on(tx, row.connection_id):
                due.settle(tx, write_back_round, [row], [{"outcome": SWITCHED_OFF, "cursor": 0}])
                return
            found = write_backs.chunk(tx, row.connection_id, after=row.cursor, limit=CHUNK)
            write_backs.request(tx, list(self._differing(tx, row.connection_id, found, worths)), urgent=False)
            if len(found) < CHUNK:
                # Only now: whoever wakes a round has requested issues before.
                again = write_backs.ROUND if write_backs.is_woken(tx, row.id) else write_backs.REWRITE_INTERVAL
                due.release(
                    tx, write_back_round, row, wait=again, outcome="all were compared", cursor=0, run_again=False
                )
            else:
                last = found[-1]
                due.release(tx, write_back_round, row, outcome=f"compared up to {last.key}", cursor=last.id)

    def _worths(self, tx: Transaction, served: Mapping[str, Sequence[Row[Any]]]) -> dict[str, Sequence[Worth]]:
        """Return what closing issues is worth, by identity."""
        ids = {identity: rows[0].issue_id for identity, rows in served.items() if rows}
        if not ids:
            return {}
        version = versions.value(tx, versions.RULES)
        if self._ruleset is None or self._ruleset.version != version:
            self._ruleset = load_ruleset(tx, version)
        reader = WorthReader(tx=tx, ruleset=self._ruleset, now=self.now(), tallied_only=True)
        found = reader.of_each(set(ids.values()))
        return {identity: found[id_] for identity, id_ in ids.items()}

    def _differing(
        self, tx: Transaction, connection_id: int, found: Sequence[Row[Any]], worths: Mapping[str, Sequence[Worth]]
    ) -> Iterator[NoteRequest]:
        now, format_version = database_now(tx), self._format_version(connection_id)
        served = write_backs.served(tx, connection_id, [one.identity for one in found])
        again = write_backs.rewrite_interval(tx, connection_id)
        for one in found:
            rows = served.get(one.identity, [])
            note = build_note(rows, self.base_url, team_settings(tx), worths.get(one.identity, ()))
            wanted = _WantedNote(note, key_result_ids(rows), format_version)
            buried = one.buried_at is not None and now - one.buried_at < write_backs.BURIED_AGAIN
            waits = one.due_at is not None or buried
            if waits or wanted.digest == (one.digest or ""):
                continue
            same = wanted.serves == one.serves
            if same and one.removed_by_person:
                continue
            wait = one.written_at + again - now if same and one.written_at else NO_WAIT
            # A clock that was stepped back is no reason to wait longer.
            yield NoteRequest(connection_id, one.identity, one.key, min(max(wait, NO_WAIT), again))

    def _format_version(self, connection_id: int) -> str:
        connection = self.connections.of(connection_id)
        connector = self.connectors[connection.kind]
        return connector.format_version(connection.view) if isinstance(connector, WritesBack) else ""


def _may_differ(row: Row[Any]) -> bool:
    """Return whether the issue may have another note than the row says: an earlier writer may have died."""
    return bool(row.attempts > 1)
