"""Comments with `/okr` link issues: who may, which comment counts, and which outcome says that nothing was linked."""

from itertools import permutations
from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.observations import (
    Account,
    CommentSeen,
    Observation,
    ScopeRef,
    State,
    Tombstone,
)
from sync_service.store import tables
from sync_service.store.engine.database import writing
from tests.domain.factories import BILLING, CHECKOUT, at, snapshot
from tests.support.fake_tracker import CoreHarness, bump_rules

KEY = "acme/checkout#1"


@pytest.fixture
def core(empty_core: CoreHarness) -> CoreHarness:
    """Return a harness with two key results; Ana is an admin, Bo a member and Vic a viewer."""
    with writing(empty_core.engine) as tx:
        tx.execute(sa.update(tables.person).values(accounts={"paper": "Ana"}))
        others = [("bo", "Bo Lind", "member", {"paper": "bo"}), ("vic", "Vic Ewer", "viewer", {"paper": "vic"})]
        for mail, name, role, accounts in others:
            columns = {"email": f"{mail}@example.com", "name": name, "role": role, "accounts": accounts}
            tx.execute(sa.insert(tables.person).values(columns))
        bump_rules(tx)
    empty_core.key_result("KR-1")
    empty_core.key_result("KR-2")
    return empty_core


def comment(seconds: float, wants: tuple[str, ...] | None = ("KR-1",), /, **fields: Any) -> CommentSeen:
    """Return a comment by Ana on acme/checkout#1, so many seconds after noon."""
    plain: dict[str, Any] = {
        "identity": "501#1",
        "key": KEY,
        "scope": CHECKOUT,
        "id": "7",
        "author": Account("ana", "ana"),
    }
    return CommentSeen(**(plain | fields), at=at(seconds), wants=wants)


def linked(core: CoreHarness) -> set[str]:
    """Return the key results that comments link."""
    slugs = {row.id: row.slug for row in core.rows(tables.key_result)}
    return {slugs[row.key_result_id] for row in core.rows(tables.link, tables.link.c.origin == "comment")}


def test_a_comment_links_its_issue_with_its_author_as_the_reason(core: CoreHarness) -> None:
    """The reason has the command as it was written."""
    core.receive_and_drain(snapshot(0, state=State.DONE, closed_at=at(0)))
    delivery = core.receive_and_drain(comment(1, ("kr-1", "KR-9")))
    assert linked(core) == {"KR-1"}
    assert core.value() == 100
    assert core.reasons()[-1] == "commented, now linked by a comment of Ana Ruiz (/okr kr-1 KR-9)"
    assert core.outcome(delivery) == f"{KEY}: /okr kr-1 KR-9, but there is no key result KR-9"


def test_a_comment_on_an_unknown_issue_waits_for_it(core: CoreHarness) -> None:
    """Nothing is lost when the comment arrives first."""
    delivery = core.receive_and_drain(comment(1))
    assert linked(core) == set()
    assert "the issue is not known yet, and there are no credentials to fetch it with" in core.outcome(delivery)
    core.receive_and_drain(snapshot(0, state=State.DONE, closed_at=at(0)))
    assert linked(core) == {"KR-1"}
    assert core.reasons()[-1] == "first seen, already done, now linked by a comment of Ana Ruiz (/okr KR-1)"


def test_the_newest_comment_counts_and_an_older_one_after_its_deletion(core: CoreHarness) -> None:
    """The tracker's times decide."""
    core.receive_and_drain(snapshot(0))
    core.receive_and_drain(comment(5, ("KR-2",), id="8", author=Account("bo", "bo")))
    core.receive_and_drain(comment(1, ("KR-1",)))
    assert linked(core) == {"KR-2"}
    core.receive_and_drain(comment(6, ("KR-2",), id="8", gone=True))
    assert linked(core) == {"KR-1"}


def test_okr_none_removes_only_links_by_comments(core: CoreHarness) -> None:
    """The outcome says so."""
    core.receive_and_drain(snapshot(0, labels=["okr:KR-2"]))
    core.receive_and_drain(comment(1))
    delivery = core.receive_and_drain(comment(2, (), id="8"))
    assert core.outcome(delivery) == f"{KEY}: /okr none: no comment links it any more"
    assert {row.origin for row in core.rows(tables.link)} == {"label"}
    assert core.reasons()[-1] == "commented, no longer linked by a comment of Ana Ruiz (/okr KR-1)"


@pytest.mark.parametrize(
    ("author", "why"),
    [
        (Account("mallory", "mallory"), "no person has the paper account mallory"),
        (Account("vic", "vic"), "Vic Ewer is a viewer, and viewers make no links"),
        (None, "nobody is named as its author"),
    ],
)
def test_a_comment_without_permission_makes_no_link_and_says_why(
    core: CoreHarness, author: Account | None, why: str
) -> None:
    """A link by somebody else's comment stays."""
    core.receive_and_drain(snapshot(0))
    core.receive_and_drain(comment(1, ("KR-2",)))
    delivery = core.receive_and_drain(comment(2, id="8", author=author))
    assert core.outcome(delivery) == f"{KEY}: /okr KR-1 makes no link, because {why}"
    assert linked(core) == {"KR-2"}


MADE, EDITED, TIE, ENDED = (
    comment(1, ("KR-1",)),
    comment(2, ("KR-2",), edited=True),
    comment(1, (), edited=True),
    comment(2, ("KR-2",), gone=True),
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("comments", "expected"),
    [
        ((MADE, EDITED), {"KR-2"}),
        ((MADE, comment(2, None, edited=True)), set()),
        ((MADE, EDITED, ENDED), set()),
        ((MADE, TIE), set()),
        ((MADE, TIE, EDITED), {"KR-2"}),
    ],
)
def test_any_order_and_any_repeats_end_with_the_same_links(
    core: CoreHarness, comments: tuple[CommentSeen, ...], expected: set[str]
) -> None:
    """The comment may arrive before its issue is known."""
    observations: list[Observation] = [snapshot(0), *comments]
    for number, order in enumerate(permutations(observations)):
        with writing(core.engine) as tx:
            for table in (tables.link, tables.link_comment, tables.issue):
                tx.execute(sa.delete(table))
        for one in order:
            core.receive_and_drain(one)
            core.receive_and_drain(one)
        assert linked(core) == expected, number


def test_a_comment_in_an_unwatched_scope_is_not_stored(core: CoreHarness) -> None:
    """The outcome only says that the scope is not watched."""
    delivery = core.receive_and_drain(comment(1, identity="502#1", scope=BILLING))
    assert core.outcome(delivery) == "ignored, because acme/billing is not watched"
    assert core.rows(tables.link_comment) == []


def test_comments_follow_their_transferred_issue(core: CoreHarness) -> None:
    """A comment that arrives late is stored for the issue's new identity."""
    with writing(core.engine) as tx:
        core.add_scope(tx, "acme/billing")
        bump_rules(tx)
    there = snapshot(3, identity="502#4", scope=BILLING, key="acme/billing#4")
    moved = Tombstone(identity="501#1", key=KEY, successor="502#4", moved_to="acme/billing#4")
    core.receive_and_drain(snapshot(0))
    core.receive_and_drain(comment(1))
    core.receive_and_drain(moved)
    core.receive_and_drain(there)
    assert linked(core) == {"KR-1"}
    core.receive_and_drain(comment(2, ("KR-2",), id="8"))
    assert linked(core) == {"KR-2"}
    (row,) = core.rows(tables.link)
    assert core.rows(tables.issue, tables.issue.c.id == row.issue_id)[0].identity == "502#4"


SHIPPING = ScopeRef("503", "acme/shipping")
THROUGH = (
    Tombstone(identity="502#4", key="acme/billing#4", successor="503#7", moved_to="acme/shipping#7"),
    Tombstone(identity="501#1", key=KEY, successor="502#4", moved_to="acme/billing#4"),
)
"""The second transfer of an issue, told before its first."""


@pytest.mark.parametrize("together", [True, False])
def test_comments_and_links_follow_two_transfers_received_in_the_wrong_order(
    core: CoreHarness, *, together: bool
) -> None:
    """Both arrive in one batch, with nothing stored yet, or in two; a later comment follows as well."""
    with writing(core.engine) as tx:
        for name in ("acme/billing", "acme/shipping"):
            core.add_scope(tx, name)
        bump_rules(tx)
    core.receive_and_drain(snapshot(0), snapshot(3, identity="503#7", scope=SHIPPING, key="acme/shipping#7"))
    core.receive_and_drain(comment(1))
    by_hand = {
        "connection_id": core.connection_id,
        "key": KEY,
        "key_result_id": core.key_result_row("KR-2").id,
        "weight": 1,
    }
    with writing(core.engine) as tx:
        tx.execute(sa.insert(tables.manual_link).values(by_hand))
        bump_rules(tx)
    late = comment(2, ("KR-1", "KR-2"), id="8")
    if together:
        core.receive_and_drain(*THROUGH, late)
    else:
        for one in (*THROUGH, late):
            core.receive_and_drain(one)
    (there,) = core.rows(tables.issue, tables.issue.c.identity == "503#7")
    found = {(row.origin, row.issue_id) for row in core.rows(tables.link)}
    assert found == {("comment", there.id), ("manual", there.id)}
    assert {row.identity for row in core.rows(tables.link_comment)} == {"503#7"}
    assert linked(core) == {"KR-1", "KR-2"}


def test_a_comment_without_a_scope_needs_a_known_issue(core: CoreHarness) -> None:
    """Jira Data Center sends such comments. For an unknown issue nothing is fetched or stored."""
    early = core.receive_and_drain(comment(1, scope=None))
    assert core.outcome(early) == f"ignored, because {KEY} is not known"
    assert core.rows(tables.link_comment) == []
    core.receive_and_drain(snapshot(0))
    delivery = core.receive_and_drain(comment(1, scope=None, key="issue 1"))
    assert linked(core) == {"KR-1"}
    assert core.outcome(delivery) == f"{KEY}: /okr KR-1"
    core.receive_and_drain(comment(2, None, scope=None, gone=True))
    assert linked(core) == set()


def test_an_edited_comment_without_a_command_replaces_its_older_version(core: CoreHarness) -> None:
    """Jira does not send a comment's former text."""
    core.receive_and_drain(snapshot(0))
    first = core.receive_and_drain(comment(2, None, edited=True))
    assert core.outcome(first) == f"{KEY}: nothing new in the comment"
    core.receive_and_drain(comment(1))
    assert linked(core) == set()
    core.receive_and_drain(comment(3, edited=True))
    assert linked(core) == {"KR-1"}


def test_a_comment_is_the_reason_even_if_its_issue_arrives_in_the_same_batch(core: CoreHarness) -> None:
    """Jira Data Center sends a comment, and then its issue, in which nothing changed."""
    core.receive_and_drain(snapshot(0, state=State.DONE, closed_at=at(0)))
    core.post(comment(1, scope=None))
    core.post(snapshot(1, state=State.DONE, closed_at=at(0)))
    core.drains.drain("delivery")
    assert core.reasons()[-1] == "commented, now linked by a comment of Ana Ruiz (/okr KR-1)"
