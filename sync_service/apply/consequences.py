"""What follows from changed settings: which key results to compute again, and which known issues to link again."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.apply.changes import Change
from sync_service.domain.causes import Cause
from sync_service.store import comments, key_results, relinks
from sync_service.store import tables as t


@dataclass(slots=True)
class Consequences:
    """Gathers what follows from changes, and makes it due in the same transaction."""

    tx: Transaction
    actor: str
    _causes: dict[int, list[Cause]] = field(default_factory=lambda: defaultdict(list))
    _relinks: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))

    def before_removal(self, change: Change) -> None:
        """Note what a removal touches, while it can still be seen."""
        if change.section == "connections":
            self._touch(self._reached(str(change.key)), f"connection {change.key} removed")
        elif change.section == "people":
            self._people(change)
        elif change.section == "links":
            self._relink([self._connection_id(change.key[1])], "links by hand changed")

    def after_saving(self, change: Change) -> None:
        """Note what a new or changed item touches."""
        match change.section:
            case "people" if change.before is None or change.differs("accounts", "role"):
                self._people(change)
            case "cycles" if change.before:
                self._cycle(change)
            case "connections" if change.before:
                self._connection(change)
            case "objectives" if change.differs("cycle", "owner"):
                self._touch(self._key_results(t.objective.c.slug == change.key), _said(change, "cycle", "owner"))
            case "key_results":
                self._key_result(change)
            case "links":
                self._relink([self._connection_id(change.key[1])], "links by hand changed")

    def make_due(self) -> None:
        """Write what was noted as rows with a due time."""
        for connection_id in self._still_there(t.connection, self._relinks):
            relinks.add(self.tx, [(connection_id, "; ".join(dict.fromkeys(self._relinks[connection_id])))])
        for key_result_id in self._still_there(t.key_result, self._causes):
            key_results.recompute(self.tx, [key_result_id], causes=self._causes[key_result_id])

    def _still_there(self, table: sa.Table, ids: Iterable[int]) -> Sequence[int]:
        return self.tx.scalars(sa.select(table.c.id).where(table.c.id.in_(ids)).order_by(table.c.id)).all()

    def _people(self, change: Change) -> None:
        """Link again where comments ask for links: who may has changed."""
        self._relink(comments.connections_with_any(self.tx), f"who may link by comments changed ({change.key})")

    def _cycle(self, change: Change) -> None:
        if change.differs("starts_at", "ends_at"):
            what = f"cycle {change.key}: {', '.join(change.words('starts', 'ends', 'starts_at', 'ends_at'))}"
            self._touch(self._key_results(t.cycle.c.slug == change.key), what)

    def _connection(self, change: Change) -> None:
        what = f"{change.key}: {', '.join(change.words('scopes', 'earlier', 'options', 'site'))}"
        if change.differs("scopes", "options", "site"):
            self._relink([self._connection_id(str(change.key))], what)
        if change.differs("scopes", "earlier"):
            self._touch(self._reached(str(change.key)), what)

    def _key_result(self, change: Change) -> None:
        ids = self._key_results(t.key_result.c.slug == change.key)
        if change.before is None:
            self._touch(ids, "key result added")
            # Issues that are known already may carry its `okr:` label.
            self._relink(self.tx.scalars(sa.select(t.connection.c.id)), f"key result {change.key} added")
        elif change.differs("start", "target", "measure", "objective", "owner"):
            self._touch(ids, _said(change, "start", "target", "measure", "objective", "owner"))

    def _touch(self, key_result_ids: Iterable[int], what: str) -> None:
        for one in key_result_ids:
            self._causes[one].append(Cause(what=what, actor=self.actor))

    def _relink(self, connection_ids: Iterable[int], why: str) -> None:
        for one in connection_ids:
            self._relinks[one].append(why)

    def _connection_id(self, slug: str) -> int:
        found: int = self.tx.execute(sa.select(t.connection.c.id).where(t.connection.c.slug == slug)).scalar_one()
        return found

    def _key_results(self, where: sa.ColumnElement[bool]) -> Sequence[int]:
        k, o, c = t.key_result, t.objective, t.cycle
        found = sa.select(k.c.id).join(o, o.c.id == k.c.objective_id).join(c, c.c.id == o.c.cycle_id)
        return self.tx.scalars(found.where(where)).all()

    def _reached(self, connection: str) -> Sequence[int]:
        """Give the key results that a connection's rules or issues reach."""
        mine = sa.select(t.connection.c.id).where(t.connection.c.slug == connection).scalar_subquery()
        by_rule = sa.select(t.rule.c.key_result_id).where(t.rule.c.connection_id == mine)
        by_link = sa.select(t.link.c.key_result_id).join(t.issue, t.issue.c.id == t.link.c.issue_id)
        return self.tx.scalars(by_rule.union(by_link.where(t.issue.c.connection_id == mine))).all()


def _said(change: Change, *names: str) -> str:
    """Say changed fields as a cause: `target changed from 100 to 90`."""
    return ", ".join(words.replace(" ", " changed from ", 1).replace(" → ", " to ") for words in change.words(*names))
