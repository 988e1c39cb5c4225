"""Issues of a renamed scope, and children of a moved issue, with their new keys."""

from dataclasses import dataclass, replace

from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.observations import ScopeRef


@dataclass(frozen=True, slots=True)
class Renaming:
    """A renamed scope: its id at the tracker, its old name, and its current name.

    After two renames in a row, two workers may process the second one first. So a key with any older name gets the
    current name of the scope.
    """

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


@dataclass(frozen=True, slots=True)
class ParentMove:
    """An issue with a new key: its identity, its old key, and its present one."""

    parent: str
    was: str
    now: str

    def applied_to(self, one: Issue) -> Issue:
        """Return a child with the new key of its parent."""
        is_child = one.parent_identity == self.parent or one.parent_key == self.was
        return replace(one, parent_key=self.now) if is_child and one.parent_key != self.now else one
