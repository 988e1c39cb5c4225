"""What a condition is compiled for: the custom fields of its connection, and the cycle of its key result."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sync_service.domain.rules.field_tests.days import CycleDays
from sync_service.domain.trackers.fields.custom_fields import CustomField


@dataclass(frozen=True, slots=True)
class RuleContext:
    """The custom fields by name, and the days of the cycle; None: the condition is only checked, and never asked.

    `unknown` is what a test of a custom field says of an issue in which it is unknown: False for what surely holds,
    True for what may hold.
    """

    fields: Mapping[str, CustomField] = field(default_factory=dict)
    cycle: CycleDays | None = None
    unknown: bool = False

    def negated(self) -> "RuleContext":
        """Return the context of what must not hold."""
        return replace(self, unknown=not self.unknown)
