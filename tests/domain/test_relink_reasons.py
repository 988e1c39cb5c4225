"""Reasons to derive links again concern some issues and some key results."""

import pytest

from sync_service.domain.rules.relink_reasons import RelinkReason
from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.observations import ScopeRef

SEEN = Issue(
    identity="12", key="SHOP-12", scope=ScopeRef("1", "SHOP"), labels=("9",), milestone="4", parent_key="PLAN-2"
)


@pytest.mark.parametrize(
    ("reason", "concerns"),
    [
        (RelinkReason(what="a setting changed"), True),
        (RelinkReason(what="key result added", key_result=1), True),
        (RelinkReason(what="key result added", key_result=2), False),
        (RelinkReason(what="manual links changed", key_result=1, origin="manual"), True),
        (RelinkReason(what="permission changed", origin="comment"), False),
        (RelinkReason(what="moved", issue="12"), True),
        (RelinkReason(what="moved", issue="13"), False),
        (RelinkReason(what="watched", scope="shop"), True),
        (RelinkReason(what="watched", scope="OLD"), True),
        (RelinkReason(what="PLAN is now called ROAD", scope="PLAN"), True),
        (RelinkReason(what="watched", scope="OTHER"), False),
        (RelinkReason(what="label renamed", term="9"), True),
        (RelinkReason(what="milestone renamed", term="4"), True),
        (RelinkReason(what="label renamed", term="8"), False),
    ],
)
def test_a_reason_concerns_what_its_fields_name(reason: RelinkReason, *, concerns: bool) -> None:
    """Each field that is set limits it."""
    assert reason.concerns(SEEN, key_result=1, origins=["manual", "rule"], scopes=["OLD"]) is concerns
    assert RelinkReason.from_columns(reason.to_columns()) == reason
