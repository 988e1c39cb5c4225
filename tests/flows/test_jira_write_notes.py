"""Notes on issues of a simulated Jira are remote links to the key results that they count toward."""

from collections.abc import Iterator

import pytest

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.okrs.history import is_shown
from tests.faults.crashing_worker import CrashingWorker
from tests.flows.write_back_harness import HOUR
from tests.flows.write_back_jira import JiraWriteBackHarness, open_jira_harness

pytestmark = pytest.mark.slow

REASONS = [
    "labelled okr:KR-1, now linked by its label",
    "commented, now linked by a comment of Ana Ruiz (/okr kr-2)",
    "unlabelled okr:KR-1, no longer linked by its label",
    "commented, no longer linked by a comment of Ana Ruiz",
]


@pytest.fixture
def harness(services: Services, *, data_center: bool) -> Iterator[JiraWriteBackHarness]:
    """Yield the harness with Jira Cloud or Data Center."""
    with open_jira_harness(services, data_center=data_center) as made:
        yield made


def test_a_linked_issue_gets_a_link_to_its_key_result_that_follows_its_value(harness: JiraWriteBackHarness) -> None:
    """A changed value is written at most once an hour. A completed key result is marked as resolved."""
    harness.furnish()
    issue, other = (harness.shop.create_issue(title, labels=["checkout"]) for title in ("Pay", "Pay again"))
    harness.receive_webhooks()
    assert harness.titles(issue) == []
    harness.write(seconds=10)
    shown = harness.shown(issue)
    assert (shown["title"], shown["url"]) == ("KR-1 Ship carts", "http://127.0.0.1:8080/key-results/KR-1")
    assert shown["summary"].startswith("0\u202f% (0\u202f% of 100\u202f%), ")
    assert shown["status"]["resolved"] is False
    other.finish()
    harness.receive_and_write(seconds=600)
    assert harness.shown(issue)["summary"].startswith("0\u202f%")
    harness.write()
    assert harness.shown(issue)["summary"].startswith("50\u202f%")
    issue.finish()
    harness.receive_and_write(seconds=2 * HOUR)
    assert harness.shown(issue)["status"]["resolved"] is True
    assert set(harness.writes()) == {"POST"}


def test_labels_and_comments_link_and_unlink_with_their_reasons_in_the_history(harness: JiraWriteBackHarness) -> None:
    """The remote link is removed with the link. A comment counts once, although Data Center sends it twice."""
    harness.furnish()
    issue = harness.shop.create_issue("Pay")
    issue.finish()
    harness.receive_webhooks()
    issue.label("okr:KR-1")
    harness.receive_and_write()
    command = issue.comment("Sure:\n/okr kr-2")
    harness.receive_and_write()
    assert harness.titles(issue) == ["KR-1 Ship carts", "KR-2 Ship it"]
    assert len(harness.rows(tables.link_comment)) == 1
    issue.unlabel("okr:KR-1")
    harness.receive_webhooks()
    harness.clock.step(5)
    command.edit("{quote}\n/okr KR-2\n{quote}")
    harness.receive_and_write()
    assert harness.titles(issue) == []
    assert [
        cause["what"] for row in harness.rows(tables.history, is_shown) for cause in row.causes if "issue" in cause
    ] == REASONS


@pytest.mark.both_databases
def test_a_deleted_comment_and_a_strangers_comment_do_not_link(harness: JiraWriteBackHarness) -> None:
    """The outcome of a stranger's delivery says why."""
    harness.furnish()
    issue = harness.shop.create_issue("Pay")
    command = issue.comment("/okr KR-2")
    harness.receive_webhooks()
    assert len(harness.rows(tables.link)) == 1
    command.delete()
    harness.receive_webhooks()
    assert harness.rows(tables.link) == []
    with harness.jira.acting_as("mallory"):
        issue.comment("/okr KR-1")
    harness.receive_webhooks()
    assert harness.rows(tables.link) == []
    assert any("no person has the jira account" in (row.outcome or "") for row in harness.rows(tables.delivery))
    harness.write(seconds=60)
    assert harness.writes() == []


def test_our_own_remote_links_cause_no_writes(harness: JiraWriteBackHarness) -> None:
    """Jira may send an updated issue when we write a link."""
    harness.jira.remote_links.sends_webhooks = True
    harness.furnish()
    issue = harness.open_issue()
    for _ in range(3):
        harness.receive_and_write(seconds=HOUR)
    assert harness.writes() == ["POST"]
    assert harness.titles(issue) == ["KR-1 Ship carts"]


def test_nothing_is_written_after_write_back_is_switched_off(harness: JiraWriteBackHarness) -> None:
    """Existing links stay."""
    harness.furnish()
    first = harness.open_issue()
    harness.furnish(on=False)
    second = harness.shop.create_issue("Pay again", labels=["checkout"])
    first.finish()
    harness.receive_and_write(seconds=3 * HOUR)
    assert harness.writes() == ["POST"]
    assert harness.titles(second) == []


def test_without_a_permission_only_writes_wait(harness: JiraWriteBackHarness) -> None:
    """Either permission may be missing. The connection is not refused, and writes go on when it is granted."""
    harness.furnish()
    harness.jira.denied.add("LINK_ISSUES")
    issue = harness.shop.create_issue("Pay", labels=["checkout"])
    harness.receive_and_write(seconds=600)
    assert "Link issues" in harness.row(issue).outcome
    harness.jira.denied.clear()
    harness.jira.remote_links.read_only = True
    harness.write()
    assert "write:jira-work" in harness.row(issue).outcome
    assert len(harness.writes()) == 2
    assert harness.rows(tables.connection)[0].refused_at is None
    harness.jira.remote_links.read_only = False
    harness.write(seconds=2 * HOUR)
    assert harness.titles(issue) == ["KR-1 Ship carts"]


def test_a_removed_link_returns_only_with_a_new_key_result(harness: JiraWriteBackHarness) -> None:
    """A changed value does not write it again, and a deleted issue is not written to."""
    harness.furnish()
    issue, other = (harness.shop.create_issue(title, labels=["checkout"]) for title in ("Pay", "Pay again"))
    harness.receive_and_write(seconds=60)
    harness.jira.remote_links.of(issue).clear()
    other.finish()
    harness.receive_and_write(seconds=2 * HOUR)
    assert harness.titles(issue) == []
    assert "deleted the note" in harness.row(issue).outcome
    issue.label("okr:KR-2")
    harness.receive_and_write()
    assert harness.titles(issue) == ["KR-1 Ship carts", "KR-2 Ship it"]
    other.delete()
    other_links = harness.titles(other)
    harness.receive_and_write(seconds=2 * HOUR)
    assert harness.titles(other) == other_links


def test_with_write_comments_an_issue_gets_one_comment(harness: JiraWriteBackHarness) -> None:
    """The comment is edited in place. Jira's webhook about it causes no further write."""
    harness.furnish(comments=True)
    issue, other = (harness.shop.create_issue(title, labels=["checkout"]) for title in ("Pay", "Pay again"))
    harness.receive_and_write()
    (body,) = harness.comments(issue)
    assert body.startswith("This counts toward a key result:\n\n* [KR")
    assert "0 \\%" in body if harness.jira.data_center else "0 %" in body
    other.finish()
    harness.receive_and_write(seconds=HOUR)
    for _ in range(3):
        harness.receive_and_write(seconds=HOUR)
    (body,) = harness.comments(issue)
    assert "50 " in body
    assert sorted(call.method for call in harness.calls("comment") if call.method != "GET") == [
        "POST",
        "POST",
        "PUT",
        "PUT",
    ]
    issue.unlabel("checkout")
    harness.receive_and_write()
    (body,) = harness.comments(issue)
    assert (harness.titles(issue), body.partition("\n")[0]) == ([], "This counts toward no key result any more.")
    issue.label("okr:KR-2")
    harness.receive_and_write()
    (body,) = harness.comments(issue)
    assert "Ship it" in body


def test_comments_can_be_switched_on_and_off(harness: JiraWriteBackHarness) -> None:
    """It takes about an hour. A comment from before is edited: it refers to the links."""
    harness.furnish()
    issue = harness.open_issue()
    assert harness.comments(issue) == []
    harness.furnish(comments=True)
    harness.write(seconds=2 * HOUR)
    assert len(harness.comments(issue)) == 1
    harness.furnish()
    harness.write(seconds=2 * HOUR)
    (body,) = harness.comments(issue)
    assert body.startswith("The links of this issue say what it counts toward")
    harness.furnish(comments=True)
    harness.write(seconds=2 * HOUR)
    (body,) = harness.comments(issue)
    assert body.startswith("This counts toward a key result")
    assert harness.writes() == ["POST"]


def test_without_the_permission_to_comment_links_are_still_written(harness: JiraWriteBackHarness) -> None:
    """The row says what is missing, and the comment is written when it is granted."""
    harness.jira.denied.add("ADD_COMMENTS")
    harness.furnish(comments=True)
    issue = harness.shop.create_issue("Pay", labels=["checkout"])
    harness.receive_and_write(seconds=600)
    assert (harness.titles(issue), harness.comments(issue)) == (["KR-1 Ship carts"], [])
    assert "Add comments" in harness.row(issue).outcome
    harness.jira.denied.clear()
    harness.write(seconds=2 * HOUR)
    assert len(harness.comments(issue)) == 1


def test_a_removed_comment_returns_only_with_a_new_key_result(harness: JiraWriteBackHarness) -> None:
    """Its links are still written."""
    harness.furnish(comments=True)
    issue, other = (harness.shop.create_issue(title, labels=["checkout"]) for title in ("Pay", "Pay again"))
    harness.receive_and_write(seconds=60)
    issue.comments[0].delete()
    other.finish()
    harness.receive_and_write(seconds=2 * HOUR)
    assert (harness.comments(issue), harness.shown(issue)["summary"][:4]) == ([], "50\u202f%")
    issue.label("okr:KR-2")
    harness.receive_and_write()
    assert len(harness.comments(issue)) == 1


def test_hostile_titles_are_plain_text_on_one_line(harness: JiraWriteBackHarness) -> None:
    """Jira shows a title as it is. A title is cut to the length that Jira accepts."""
    harness.furnish(title="[a|http://evil.example] {code} <b>x</b> " + "ж" * 220)
    issue = harness.open_issue()
    (title,) = harness.titles(issue)
    assert title.startswith("KR-1 [a|http://evil.example] {code} <b>x</b> ж")
    assert len(title) == 255
    assert title.isprintable()


@pytest.mark.both_databases
def test_two_workers_write_each_link_once(harness: JiraWriteBackHarness, other_services: Services) -> None:
    """The two drain at the same time."""
    harness.furnish()
    issues = [harness.shop.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(5)]
    harness.receive_webhooks()
    harness.write_with(other_services)
    assert [len(harness.titles(issue)) for issue in issues] == [1] * 5
    assert harness.writes() == ["POST"] * 5


@pytest.mark.only_in_test_all
def test_a_crash_while_writing_leaves_the_right_links(crashing_worker: CrashingWorker) -> None:
    """There is one link for each key result, none for a former one, and one comment on each issue."""
    with open_jira_harness(crashing_worker.services) as harness:
        harness.furnish(comments=True)
        linked_issue = harness.shop.create_issue("Kept", labels=["checkout"])
        harness.receive_and_write()
        for statements in range(1, 40, 3):
            issue = harness.shop.create_issue("Pay", labels=["checkout"])
            linked_issue.label("okr:KR-2")
            harness.receive_webhooks()
            harness.crash_while_writing(crashing_worker, after=statements)
            linked_issue.unlabel("okr:KR-2")
            harness.receive_and_write(seconds=600)
            assert harness.titles(issue) == ["KR-1 Ship carts"], statements
            assert harness.titles(linked_issue) == ["KR-1 Ship carts"], statements
            assert [len(harness.comments(one)) for one in (issue, linked_issue)] == [1, 1], statements
    assert crashing_worker.crashes > 8
