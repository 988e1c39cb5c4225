"""Scope renames: give issues and their parents new keys after the new name of a repository or project.

After two renames in a row, two workers may process the second one first. So a key with any older name gets the current
name of the scope.
"""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.observations import ScopeRef
from sync_service.store.trackers import scope_changes


@dataclass(frozen=True, slots=True)
class Renaming:
    """A renamed scope: its id at the tracker, its old name, and its current name."""

    scope: str
    was: str
    now: str

    def applied_to(self, one: Issue) -> Issue:
        """Return an issue with its key, URL and parent key after the rename."""
        parent_key = self._under(one.parent_key)
        # The old name may be spelled as in the configuration, and trackers ignore case in it.
        if one.scope is None or one.scope.id != self.scope or one.scope.name.lower() != self.was.lower():
            return one if parent_key == one.parent_key else replace(one, parent_key=parent_key)
        key = self._under(one.key) or one.key
        url = one.url.removesuffix(one.key) + key if one.url.endswith(one.key) else one.url
        return replace(one, key=key, url=url, scope=ScopeRef(one.scope.id, self.now), parent_key=parent_key)

    def _under(self, key: str | None) -> str | None:
        rest = key[len(self.was) :] if key and key.lower().startswith(self.was.lower()) else ""
        return self.now + rest if rest.startswith(("#", "-")) else key


def renaming_of(tx: Transaction, row: Row[Any]) -> Renaming | None:
    """Return the rename in a relink request; None where there is none."""
    renamed = getattr(row, "renamed", None)
    if not renamed:
        return None
    present = scope_changes.present_name(tx, row.connection_id, renamed["scope"])
    return Renaming(renamed["scope"], renamed["was"], present or renamed["now"])
