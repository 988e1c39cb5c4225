"""How many issues of a connection are under each of their ancestors."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from sync_service.domain.text import folded
from sync_service.progress.ancestors.chains import Ancestors
from sync_service.store.okrs.ruleset import Ruleset
from sync_service.store.trackers import known_keys, parents


@dataclass(frozen=True, slots=True)
class AncestorCounts:
    """The ancestors of a connection's issues by their present keys, with how many issues are under each.

    `keys` are all keys of these ancestors, in lower case.
    """

    tx: Connection
    connection_id: int
    counts: Mapping[str, int]
    keys: frozenset[str]

    @classmethod
    def read(cls, tx: Connection, ruleset: Ruleset, connection_id: int) -> "AncestorCounts":
        """Count the issues under each ancestor."""
        children = parents.counted(tx, connection_id)
        ancestors = Ancestors(tx, ruleset.same_site(connection_id))
        ancestors.read_parents(children)
        counts, keys = Counter[str](), set[str]()
        for ref, count in children.items():
            for one in ancestors.above(ref).ancestors:
                counts[one.key] += count
                keys |= one.keys
        return cls(tx, connection_id, counts, frozenset(keys))

    def of_others(self, value: str) -> Mapping[str, int] | None:
        """Return the counts, with 0 for a known issue without children; None where the value is an ancestor."""
        if folded(value) in self.keys:
            return None
        known = known_keys.issues_with_key(self.tx, self.connection_id, value)
        return {**self.counts, value: 0} if known else self.counts
