"""Write links by hand as rows: many of them by a few statements."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.config_file.plan.diff import Change
from sync_service.config_file.read.state import Key
from sync_service.store import tables as t
from sync_service.store.engine.many_rows import chunks, update_rows
from sync_service.store.trackers import scope_moves

_Link = tuple[int | None, int | None, str]
"""The ids of a key result and a connection, and an issue's key."""

_COLUMNS = ("key_result_id", "connection_id", "key")


@dataclass(slots=True)
class LinkWriter:
    """Writes links inside one transaction; `id_of` resolves names to row ids."""

    tx: Transaction
    id_of: Callable[[str, str | None], int | None]
    _known: Mapping[_Link, int] | None = None

    def save(self, changes: Sequence[Change]) -> None:
        """Create links, or change their weights."""
        known = self._ids()
        found = [(self._link(one.key), one.after["weight"]) for one in changes if one.after is not None]
        new = [(link, weight) for link, weight in found if link not in known]
        if new:
            rows = [dict(zip(_COLUMNS, link, strict=True)) | {"weight": weight} for link, weight in new]
            self.tx.execute(sa.insert(t.manual_link), rows)
            self._known = None
        again = {"kept_for_scope_id": None}
        old = [{"id": known[link], "weight": weight, **again} for link, weight in found if link in known]
        update_rows(self.tx, t.manual_link, old)

    def remove(self, keys: Sequence[Key]) -> None:
        """Remove links, each at once or when its issue's scope has moved."""
        known = self._ids()
        ids = [known[link] for link in map(self._link, keys) if link in known]
        for some in chunks(ids):
            kept = scope_moves.keep_links(self.tx, some)
            removed = [one for one in some if one not in kept]
            self.tx.execute(sa.delete(t.manual_link).where(t.manual_link.c.id.in_(removed)))

    def row_id(self, key: Key) -> int:
        """Return the id of a link."""
        return self._ids()[self._link(key)]

    def _link(self, key: Key) -> _Link:
        return self.id_of("key_results", key[0]), self.id_of("connections", key[1]), key[2]

    def _ids(self) -> Mapping[_Link, int]:
        if self._known is None:
            m = t.manual_link.c
            found = self.tx.execute(sa.select(m.id, m.key_result_id, m.connection_id, m.key))
            self._known = {(row.key_result_id, row.connection_id, row.key): row.id for row in found}
        return self._known
