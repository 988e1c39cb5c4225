"""Issues on a simulated Jira link to the key results they serve: once each, truly, and no longer than they do."""

from collections.abc import Iterator

import pytest

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from tests.faults.crashing_worker import CrashingWorker
from tests.flows.write_back_harness import HOUR
from tests.flows.write_back_jira import Stage, on_stage

pytestmark = pytest.mark.slow

REASONS = [
    "labelled okr:KR-1, now linked by its label",
    "commented, now linked by a comment of Ana Ruiz (/okr kr-2)",
    "unlabelled okr:KR-1, no longer linked by its label",
    "commented, no longer linked by a comment of Ana Ruiz",
]


@pytest.fixture
def stage(services: Services, *, data_center: bool) -> Iterator[Stage]:
    """Set the stage, with either face."""
    with on_stage(services, data_center=data_center) as made:
        yield made


def test_a_linked_issue_links_to_its_key_result_within_seconds_and_moves_with_it(stage: Stage) -> None:
    """Once an hour at most while it only stands otherwise; struck out when it is completed."""
    stage.furnish()
    issue, other = (stage.shop.create_issue(title, labels=["checkout"]) for title in ("Pay", "Pay again"))
    stage.receive_webhooks()
    assert stage.titles(issue) == []
    stage.write(seconds=10)
    shown = stage.shown(issue)
    assert (shown["title"], shown["url"]) == ("KR-1 Ship carts", "http://127.0.0.1:8080/key-results/KR-1")
    assert shown["summary"].startswith("0\u202f% (0\u202f% of 100\u202f%), ")
    assert shown["status"]["resolved"] is False
    other.finish()
    stage.hear_and_write(seconds=600)
    assert stage.shown(issue)["summary"].startswith("0\u202f%")
    stage.write()
    assert stage.shown(issue)["summary"].startswith("50\u202f%")
    issue.finish()
    stage.hear_and_write(seconds=2 * HOUR)
    assert stage.shown(issue)["status"]["resolved"] is True
    assert set(stage.writes()) == {"POST"}


def test_labels_and_comments_link_and_unlink_with_their_reasons_in_the_history(stage: Stage) -> None:
    """A link is taken away with what it served; a comment counts once, though a server tells of it twice."""
    stage.furnish()
    issue = stage.shop.create_issue("Pay")
    issue.finish()
    stage.receive_webhooks()
    issue.label("okr:KR-1")
    stage.hear_and_write()
    asked = issue.comment("Sure:\n/okr kr-2")
    stage.hear_and_write()
    assert stage.titles(issue) == ["KR-1 Ship carts", "KR-2 Ship it"]
    assert len(stage.rows(tables.link_comment)) == 1
    issue.unlabel("okr:KR-1")
    stage.receive_webhooks()
    stage.clock.step(5)
    asked.edit("{quote}\n/okr KR-2\n{quote}")
    stage.hear_and_write()
    assert stage.titles(issue) == []
    assert [cause["what"] for row in stage.rows(tables.history) for cause in row.causes if "issue" in cause] == REASONS


@pytest.mark.both_databases
def test_a_deleted_comment_links_no_more_and_strangers_never_do(stage: Stage) -> None:
    """The outcome of a stranger's delivery says why."""
    stage.furnish()
    issue = stage.shop.create_issue("Pay")
    asked = issue.comment("/okr KR-2")
    stage.receive_webhooks()
    assert len(stage.rows(tables.link)) == 1
    asked.delete()
    stage.receive_webhooks()
    assert stage.rows(tables.link) == []
    with stage.jira.acting_as("mallory"):
        issue.comment("/okr KR-1")
    stage.receive_webhooks()
    assert stage.rows(tables.link) == []
    assert any("no person has the jira account" in (row.outcome or "") for row in stage.rows(tables.delivery))
    stage.write(seconds=60)
    assert stage.writes() == []


def test_our_own_links_make_nothing_of_themselves(stage: Stage) -> None:
    """Though Jira should tell of them as of an updated issue."""
    stage.jira.remote_links.sends_webhooks = True
    stage.furnish()
    issue = stage.open_issue()
    for _ in range(3):
        stage.hear_and_write(seconds=HOUR)
    assert stage.writes() == ["POST"]
    assert stage.titles(issue) == ["KR-1 Ship carts"]


def test_what_is_switched_off_is_written_no_more(stage: Stage) -> None:
    """The links that are there stay."""
    stage.furnish()
    first = stage.open_issue()
    stage.furnish(on=False)
    second = stage.shop.create_issue("Pay again", labels=["checkout"])
    first.finish()
    stage.hear_and_write(seconds=3 * HOUR)
    assert stage.writes() == ["POST"]
    assert stage.titles(second) == []


def test_without_the_permission_writes_wait_and_reading_goes_on(stage: Stage) -> None:
    """Whichever of the two is missing; the connection is not refused, and goes on when it is mended."""
    stage.furnish()
    stage.jira.denied.add("LINK_ISSUES")
    issue = stage.shop.create_issue("Pay", labels=["checkout"])
    stage.hear_and_write(seconds=600)
    assert "Link issues" in stage.row(issue).outcome
    stage.jira.denied.clear()
    stage.jira.remote_links.read_only = True
    stage.write()
    assert "write:jira-work" in stage.row(issue).outcome
    assert len(stage.writes()) == 2
    assert stage.rows(tables.connection)[0].refused_at is None
    stage.jira.remote_links.read_only = False
    stage.write(seconds=2 * HOUR)
    assert stage.titles(issue) == ["KR-1 Ship carts"]


def test_who_takes_a_link_away_wins_until_the_issue_serves_something_else(stage: Stage) -> None:
    """Numbers that move bring it not back; an issue that is gone is not written to."""
    stage.furnish()
    issue, other = (stage.shop.create_issue(title, labels=["checkout"]) for title in ("Pay", "Pay again"))
    stage.hear_and_write(seconds=60)
    stage.jira.remote_links.of(issue).clear()
    other.finish()
    stage.hear_and_write(seconds=2 * HOUR)
    assert stage.titles(issue) == []
    assert "deleted the note" in stage.row(issue).outcome
    issue.label("okr:KR-2")
    stage.hear_and_write()
    assert stage.titles(issue) == ["KR-1 Ship carts", "KR-2 Ship it"]
    other.delete()
    other_links = stage.titles(other)
    stage.hear_and_write(seconds=2 * HOUR)
    assert stage.titles(other) == other_links


def test_a_comment_says_it_too_where_that_is_wanted(stage: Stage) -> None:
    """Once on an issue, edited in place; what Jira tells of it makes nothing more."""
    stage.furnish(comments=True)
    issue, other = (stage.shop.create_issue(title, labels=["checkout"]) for title in ("Pay", "Pay again"))
    stage.hear_and_write()
    (body,) = stage.comments(issue)
    assert body.startswith("This counts toward a key result:\n\n* [KR")
    assert "0 \\%" in body if stage.jira.data_center else "0 %" in body
    other.finish()
    stage.hear_and_write(seconds=HOUR)
    for _ in range(3):
        stage.hear_and_write(seconds=HOUR)
    (body,) = stage.comments(issue)
    assert "50 " in body
    assert sorted(call.method for call in stage.calls("comment") if call.method != "GET") == [
        "POST",
        "POST",
        "PUT",
        "PUT",
    ]
    issue.unlabel("checkout")
    stage.hear_and_write()
    (body,) = stage.comments(issue)
    assert (stage.titles(issue), body.partition("\n")[0]) == ([], "This counts toward no key result any more.")
    issue.label("okr:KR-2")
    stage.hear_and_write()
    (body,) = stage.comments(issue)
    assert "Ship it" in body


def test_comments_are_switched_on_and_off_later(stage: Stage) -> None:
    """Within an hour or so, and by an edit: whoever reads an old comment is led to the links."""
    stage.furnish()
    issue = stage.open_issue()
    assert stage.comments(issue) == []
    stage.furnish(comments=True)
    stage.write(seconds=2 * HOUR)
    assert len(stage.comments(issue)) == 1
    stage.furnish()
    stage.write(seconds=2 * HOUR)
    (body,) = stage.comments(issue)
    assert body.startswith("The links of this issue say what it counts toward")
    stage.furnish(comments=True)
    stage.write(seconds=2 * HOUR)
    (body,) = stage.comments(issue)
    assert body.startswith("This counts toward a key result")
    assert stage.writes() == ["POST"]


def test_without_the_permission_to_comment_links_go_on(stage: Stage) -> None:
    """The row says what is missing, and comments once it is given."""
    stage.jira.denied.add("ADD_COMMENTS")
    stage.furnish(comments=True)
    issue = stage.shop.create_issue("Pay", labels=["checkout"])
    stage.hear_and_write(seconds=600)
    assert (stage.titles(issue), stage.comments(issue)) == (["KR-1 Ship carts"], [])
    assert "Add comments" in stage.row(issue).outcome
    stage.jira.denied.clear()
    stage.write(seconds=2 * HOUR)
    assert len(stage.comments(issue)) == 1


def test_who_takes_the_comment_away_wins_until_the_issue_serves_something_else(stage: Stage) -> None:
    """Its links go on."""
    stage.furnish(comments=True)
    issue, other = (stage.shop.create_issue(title, labels=["checkout"]) for title in ("Pay", "Pay again"))
    stage.hear_and_write(seconds=60)
    issue.comments[0].delete()
    other.finish()
    stage.hear_and_write(seconds=2 * HOUR)
    assert (stage.comments(issue), stage.shown(issue)["summary"][:4]) == ([], "50\u202f%")
    issue.label("okr:KR-2")
    stage.hear_and_write()
    assert len(stage.comments(issue)) == 1


def test_hostile_titles_stay_texts_of_one_line(stage: Stage) -> None:
    """Jira shows a title as it is; none is longer than it takes."""
    stage.furnish(title="[a|http://evil.example] {code} <b>x</b> " + "ж" * 220)
    issue = stage.open_issue()
    (title,) = stage.titles(issue)
    assert title.startswith("KR-1 [a|http://evil.example] {code} <b>x</b> ж")
    assert len(title) == 255
    assert title.isprintable()


@pytest.mark.both_databases
def test_two_workers_write_each_link_once(stage: Stage, other_house: Services) -> None:
    """However their drains meet."""
    stage.furnish()
    issues = [stage.shop.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(5)]
    stage.receive_webhooks()
    stage.write_with(other_house)
    assert [len(stage.titles(issue)) for issue in issues] == [1] * 5
    assert stage.writes() == ["POST"] * 5


def test_whoever_dies_while_writing_leaves_what_is_wanted(mortal: CrashingWorker) -> None:
    """One link for each key result, none that was wanted only when the worker died, and one comment for an issue."""
    with on_stage(mortal.services) as stage:
        stage.furnish(comments=True)
        kept = stage.shop.create_issue("Kept", labels=["checkout"])
        stage.hear_and_write()
        for statements in range(1, 40, 3):
            issue = stage.shop.create_issue("Pay", labels=["checkout"])
            kept.label("okr:KR-2")
            stage.receive_webhooks()
            stage.crash_while_writing(mortal, after=statements)
            kept.unlabel("okr:KR-2")
            stage.hear_and_write(seconds=600)
            assert stage.titles(issue) == ["KR-1 Ship carts"], statements
            assert stage.titles(kept) == ["KR-1 Ship carts"], statements
            assert [len(stage.comments(one)) for one in (issue, kept)] == [1, 1], statements
    assert mortal.deaths > 8
