"""When an issue and the pull request that closes it are both linked, only the issue counts."""

from dataclasses import replace
from itertools import permutations

import pytest

from sync_service.domain.trackers.observations import Closing, Kind, ScopeRef, Snapshot, State, Tombstone
from sync_service.progress.previews.rule_preview import Edit, preview
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.views.issues import issues_view
from tests.domain.factories import BILLING, at, snapshot
from tests.support.fake_tracker import CoreHarness

ISSUE = snapshot(0, labels=["checkout"])
CLOSING = (Closing("acme/checkout#1", "501#1"),)


def pull_request(second: float = 0, *, closes: tuple[Closing, ...] | None = CLOSING, **fields: object) -> Snapshot:
    """Return the pull request acme/checkout#2, merged at its last change."""
    plain = {
        "identity": "501#2",
        "key": "acme/checkout#2",
        "kind": Kind.PULL_REQUEST,
        "state": State.DONE,
        "closed_at": at(second),
        "labels": ["checkout"],
    }
    return snapshot(second, **(plain | fields), closes=closes)


def why_not(core: CoreHarness) -> dict[str, str | None]:
    """Return for each linked issue why it does not count."""
    with reading(core.engine) as tx:
        return {one.key: one.why_not for one in issues_view(tx, core.key_result_row().id)}


THROUGH = "counts through acme/checkout#1, which it closes"


@pytest.mark.parametrize("order", list(permutations([ISSUE, pull_request(3), pull_request(1, closes=())])))
def test_the_issue_counts_and_its_pull_request_does_not(core: CoreHarness, order: tuple[Snapshot, ...]) -> None:
    """The order in which they become known does not matter. The merged pull request alone would give 100 %."""
    for one in order:
        core.receive_and_drain(one)
    assert (core.value(), core.key_result_row().explanation) == (0, "0 of 1 issue done")
    assert why_not(core) == {"acme/checkout#1": None, "acme/checkout#2": THROUGH}


def test_a_pull_request_counts_if_the_issue_that_it_closes_is_not_linked(core: CoreHarness) -> None:
    """The same two may count differently toward another key result."""
    core.rule("pulls", core.key_result("KR-2"), {"field": "kind", "is": "pull_request"})
    core.receive_and_drain(ISSUE, pull_request())
    assert (core.value("KR-1"), core.value("KR-2")) == (0, 100)


@pytest.mark.both_databases
def test_a_change_of_closed_issues_changes_the_value_with_its_reason(core: CoreHarness) -> None:
    """The relation changes the value even if nothing else about the pull request changed."""
    core.receive_and_drain(ISSUE, pull_request())
    core.receive_and_drain(pull_request(5, closes=()))
    assert core.value() == 50
    assert core.reasons()[-1] == "closes no issue"
    core.receive_and_drain(pull_request(9))
    assert core.value() == 0
    assert core.reasons()[-1] == "closes acme/checkout#1"
    assert why_not(core)["acme/checkout#2"] == THROUGH


def test_a_delivery_without_closed_issues_changes_nothing(core: CoreHarness) -> None:
    """Unknown is not none."""
    core.receive_and_drain(ISSUE, pull_request())
    core.receive_and_drain(pull_request(5, closes=None, title="Other"))
    assert core.value() == 0
    assert core.rows(tables.closing_link)[0].identity == "501#1"


def test_a_pull_request_counts_again_once_the_issue_is_gone(core: CoreHarness) -> None:
    """The issue was deleted or is no longer linked."""
    core.receive_and_drain(ISSUE, pull_request())
    core.receive_and_drain(snapshot(2))
    assert core.value() == 100
    core.receive_and_drain(snapshot(3, labels=["checkout"]))
    assert core.value() == 0
    core.receive_and_drain(Tombstone(identity="501#1", key="acme/checkout#1"))
    assert core.value() == 100


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_an_issue_of_another_repository_is_found_by_its_key(core: CoreHarness, order: tuple[int, ...]) -> None:
    """Upper and lower case do not matter, as in GitHub's names."""
    with writing(core.engine) as tx:
        core.add_scope(tx, "acme/billing")
    other = snapshot(0, identity="502#9", key="acme/billing#9", scope=BILLING, labels=["checkout"])
    snapshots = [other, pull_request(closes=(Closing("Acme/Billing#9"),))]
    for index in order:
        core.receive_and_drain(snapshots[index])
    assert core.value() == 0
    assert why_not(core)["acme/checkout#2"] == "counts through acme/billing#9, which it closes"


def test_an_issue_with_a_new_key_is_found_by_its_identity(core: CoreHarness) -> None:
    """The repository was renamed; the pull request's text still has the old name."""
    core.receive_and_drain(ISSUE, pull_request())
    renamed = ScopeRef("501", "acme/pay")
    core.receive_and_drain(snapshot(4, scope=renamed, key="acme/pay#1", labels=["checkout"]))
    assert core.value() == 0
    assert why_not(core)["acme/checkout#2"] == "counts through acme/pay#1, which it closes"


def test_a_pull_request_may_name_the_issues_new_key(core: CoreHarness) -> None:
    """The issue was known and linked before under its old key."""
    core.receive_and_drain(ISSUE, pull_request(closes=(Closing("acme/pay#1"),)))
    assert core.value() == 50
    core.receive_and_drain(snapshot(4, scope=ScopeRef("501", "acme/pay"), key="acme/pay#1", labels=["checkout"]))
    assert core.value() == 0


def test_a_pull_request_that_closes_two_linked_issues_is_excluded_once(core: CoreHarness) -> None:
    """Both issues count."""
    second = snapshot(
        0, identity="501#3", key="acme/checkout#3", labels=["checkout"], state=State.DONE, closed_at=at(0)
    )
    core.receive_and_drain(ISSUE, second, pull_request(closes=(*CLOSING, Closing("acme/checkout#3", "501#3"))))
    assert (core.value(), core.key_result_row().explanation) == (50, "1 of 2 issues done")
    assert why_not(core)["acme/checkout#2"] == "counts through acme/checkout#1 and acme/checkout#3, which it closes"


def test_a_pull_request_does_not_count_through_another_pull_request(core: CoreHarness) -> None:
    """Otherwise two that close each other would both vanish."""
    one = pull_request(closes=(Closing("acme/checkout#4", "501#4"),))
    other = replace(
        pull_request(closes=(Closing("acme/checkout#2", "501#2"),)), identity="501#4", key="acme/checkout#4"
    )
    core.receive_and_drain(one, other)
    assert core.key_result_row().explanation == "2 of 2 issues done"


@pytest.mark.slow
def test_a_preview_counts_as_the_saved_rule(core: CoreHarness) -> None:
    """Both are linked by the edited rule, or one of them by another rule."""
    core.receive_and_drain(
        ISSUE, pull_request(), snapshot(0, identity="501#5", key="acme/checkout#5", state=State.DONE, closed_at=at(0))
    )
    second = core.key_result("KR-2")
    for condition in ({"field": "labels", "has": "checkout"}, {"field": "title", "contains": "pay"}):
        edit = Edit(slug=None, connection_id=core.connection_id, key_result_id=second, condition=condition)
        with reading(core.engine) as tx:
            (effect,) = preview(tx, edit, now=core.now).effects
        core.rule("as-written", second, condition)
        state = core.key_result_row("KR-2")
        assert (effect.after.value, effect.explanation) == (state.current, state.explanation)
    assert state.explanation == "1 of 2 issues done"


def test_open_pull_requests_with_linked_issues_are_not_open_work(core: CoreHarness) -> None:
    """Every measure excludes them."""
    core.rule(
        "open", core.key_result("KR-3", start=5, target=0, kind="open-count"), {"field": "labels", "has": "checkout"}
    )
    core.receive_and_drain(ISSUE, pull_request(state=State.DOING, closed_at=None))
    assert core.value("KR-3") == 1
