"""What a plan is made from, and whether it still holds: a plan is made before the transaction that carries it out."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.engine import Connection as Transaction

from sync_service.config_file.plan.page_edits import Origins, read_origins
from sync_service.config_file.read.state import State, read_links, read_state
from sync_service.store.engine import versions
from sync_service.store.engine.encryption import Sealer
from sync_service.store.trackers import scope_names


@dataclass(frozen=True, slots=True)
class Basis:
    """The configuration as it is stored, where its items were made, and the version of the rules before it was read.

    `never_named` are connections and scopes that no tracker has named.
    """

    rules_version: int
    stored: State
    origins: Origins
    never_named: Sequence[tuple[str, str]]

    @classmethod
    def read(cls, tx: Transaction, sealer: Sealer) -> "Basis":
        """Read the configuration. Raise `DecryptionError`."""
        version = versions.value(tx, versions.RULES)  # first: what changes while the rest is read has another version
        return cls(version, read_state(tx, sealer), read_origins(tx), list(scope_names.never_named(tx)))

    def holds(self, tx: Transaction, sealer: Sealer) -> bool:
        """Return whether the configuration is still the same; the caller holds the lock of the rules.

        Whoever changes it makes a new version, except where an issue takes its links by hand to a new key. Most new
        versions come from workers that link issues, and change nothing of it.
        """
        if versions.value(tx, versions.RULES) == self.rules_version:
            return read_links(tx) == self.stored["links"]
        return read_state(tx, sealer) == self.stored and read_origins(tx) == self.origins


@contextmanager
def without_collecting() -> Iterator[None]:
    """Keep the garbage collector from running inside the block: it would walk through all items of a large file."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
