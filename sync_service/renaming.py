"""Scopes that were renamed: their issues have keys after the new name, and parents named by such keys.

Of two renames in a row, two workers may take the second one first. So issues go from any name that a request tells of
to the one that their scope has by now.
"""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.issues import ScopeRef
from sync_service.domain.newest import Issue
from sync_service.store import scopes


@dataclass(frozen=True, slots=True)
class Renaming:
    """A scope, by its id at the tracker, what it was called, and what it is called now."""

    scope: str
    was: str
    now: str

    def applied_to(self, one: Issue) -> Issue:
        """Give an issue as it is called after this."""
        parent_key = self._under(one.parent_key)
        # The name from before may be as the configuration writes it, and trackers tell no case apart in it.
        if one.scope is None or one.scope.id != self.scope or one.scope.name.lower() != self.was.lower():
            return one if parent_key == one.parent_key else replace(one, parent_key=parent_key)
        key = self._under(one.key) or one.key
        url = one.url.removesuffix(one.key) + key if one.url.endswith(one.key) else one.url
        return replace(one, key=key, url=url, scope=ScopeRef(one.scope.id, self.now), parent_key=parent_key)

    def _under(self, key: str | None) -> str | None:
        rest = key[len(self.was) :] if key and key.lower().startswith(self.was.lower()) else ""
        return self.now + rest if rest.startswith(("#", "-")) else key


def renaming_of(tx: Transaction, row: Row[Any]) -> Renaming | None:
    """Give what a request to link again tells of a new name; None where it tells of none."""
    told = getattr(row, "renamed", None)
    if not told:
        return None
    present = scopes.present_name(tx, row.connection_id, told["scope"])
    return Renaming(told["scope"], told["was"], present or told["now"])
