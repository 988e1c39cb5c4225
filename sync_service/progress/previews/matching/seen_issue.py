"""One issue as rules see it, with what it has in each field, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sync_service.domain.rules.conditions import Subject
from sync_service.domain.rules.field_tests.custom_values import PREFIX
from sync_service.domain.text import folded, in_full
from sync_service.progress.ancestors import ancestor_text
from sync_service.progress.ancestors.chains import Chain
from sync_service.store.okrs.ruleset import Ruleset


@dataclass(frozen=True, slots=True)
class SeenIssue:
    """An issue as rules see it, with its ancestors."""

    subject: Subject
    key: str
    chain: Chain
    ruleset: Ruleset
    connection_id: int

    def found(self, field: str) -> list[str] | None:
        """Return what the issue has in a field; None where it is unknown, or can't be shown."""
        if field == "under":
            return [folded(one.key) for one in self.chain.ancestors]
        name = field.removeprefix(PREFIX)
        if name != field and name not in self.subject.fields:
            return None
        value = self.subject.fields[name] if name != field else getattr(self.subject, field, None)
        if value is None:
            return []
        if isinstance(value, date | float):
            return [value.isoformat() if isinstance(value, date) else in_full(value)]
        if isinstance(value, str):
            return [value] if value else []
        return sorted(value) if isinstance(value, frozenset) and all(isinstance(one, str) for one in value) else None

    def why(self, test: Mapping[str, Any]) -> str | None:
        """Return more about a test of a field, in words."""
        if test["field"] != "under":
            return None
        return ancestor_text.describe(self.key, self.chain, test, self.ruleset, self.connection_id)
