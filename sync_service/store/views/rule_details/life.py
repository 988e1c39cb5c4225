"""A rule with what its life is about: reviews and overlaps with other rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.rules.versions import review_due
from sync_service.store.views import rules
from sync_service.store.views.rule_details import overlaps as rule_overlaps
from sync_service.store.views.rule_details.overlaps import Overlap
from sync_service.store.views.rules import RuleStatus, RuleView


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLife:
    """A rule, the status of its last edit, when it is due for a review, and its overlaps."""

    rule: RuleView
    status: RuleStatus
    review_due_at: datetime | None
    overlaps: Sequence[Overlap]


def rule_life(tx: Transaction, slug: str) -> RuleLife | None:
    """Return a rule with its life; None when there is none."""
    found = rules.rule_views(tx, slug=slug)
    if not found:
        return None
    rule = found[0]
    status = rules.statuses(tx, [rule.id]).get(rule.id, RuleStatus())
    return RuleLife(
        rule=rule,
        status=status,
        review_due_at=review_due(reviewed_at=rule.reviewed_at, changed_at=status.changed_at),
        overlaps=rule_overlaps.of_rule(tx, slug),
    )
