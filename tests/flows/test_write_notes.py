"""Issues on a simulated GitHub say which key results they serve: once, truly, and not too often."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from tests.flows.write_back_github import GitHubWriteBackHarness, open_github_harness
from tests.flows.write_back_harness import HOUR

pytestmark = pytest.mark.slow


@pytest.fixture
def harness(services: Services) -> Iterator[GitHubWriteBackHarness]:
    """Set the stage."""
    with open_github_harness(services) as made:
        yield made


def test_a_linked_issue_says_so_within_seconds_and_once(harness: GitHubWriteBackHarness) -> None:
    """One comment, that names the key result, its page, how it stands, and the objective."""
    harness.furnish()
    issue = harness.repository.create_issue("Pay", labels=["checkout"])
    harness.receive_webhooks()
    assert harness.our_comments(issue) == []
    harness.write(seconds=10)
    (said,) = harness.our_comments(issue)
    assert "KR\\-1 Ship carts](http://127.0.0.1:8080/key-results/KR-1)" in said
    assert "0\u202f\\%" in said
    assert "Paying is fast" in said
    assert harness.row(issue).outcome == "written"


def test_our_own_comments_make_nothing_of_themselves(harness: GitHubWriteBackHarness) -> None:
    """Their deliveries come back to us, and no further write follows, however long we wait."""
    harness.furnish()
    issue = harness.open_issue()
    before = harness.writes()
    for _ in range(3):
        harness.receive_and_write(seconds=HOUR)
    assert harness.writes() == before == 1
    assert len(issue.comments) == 1


def test_a_pull_request_says_so_too(harness: GitHubWriteBackHarness) -> None:
    """It is commented on as an issue is."""
    harness.furnish()
    pull = harness.repository.create_pull_request("Add cards", labels=["checkout"])
    harness.receive_and_write()
    assert len(harness.our_comments(pull)) == 1


def test_links_that_come_and_go_within_seconds_are_written_once(harness: GitHubWriteBackHarness) -> None:
    """What counts is how things stand when it is written."""
    harness.furnish()
    issue = harness.repository.create_issue("Pay", labels=["checkout"])
    issue.label("okr:KR-2")
    harness.receive_webhooks()
    issue.unlabel("checkout")
    harness.receive_and_write()
    (said,) = harness.our_comments(issue)
    assert "KR\\-2" in said
    assert "KR\\-1" not in said
    assert harness.writes() == 1


def test_an_issue_that_was_unlinked_before_anything_was_said_is_never_called_about(
    harness: GitHubWriteBackHarness,
) -> None:
    """Nobody is told of what came to nothing."""
    harness.furnish()
    issue = harness.repository.create_issue("Pay", labels=["checkout"])
    harness.receive_webhooks()
    issue.unlabel("checkout")
    harness.receive_and_write()
    assert harness.comment_calls() == []
    assert harness.row(issue).outcome == "the issue serves no key result"


def test_what_is_no_longer_served_is_said_by_an_edit(harness: GitHubWriteBackHarness) -> None:
    """The comment stays, and tells of a later link by another edit."""
    harness.furnish()
    issue = harness.open_issue()
    issue.unlabel("checkout")
    harness.receive_and_write()
    (said,) = harness.our_comments(issue)
    assert said.startswith("This counts toward no key result any more.")
    issue.label("checkout")
    harness.receive_and_write()
    (said,) = harness.our_comments(issue)
    assert "KR\\-1" in said
    assert [call.method for call in harness.comment_calls() if call.method != "GET"] == ["POST", "PATCH", "PATCH"]


def test_a_moving_key_result_is_told_of_once_an_hour(harness: GitHubWriteBackHarness) -> None:
    """By each issue that serves it, and with how it stands by then."""
    harness.furnish()
    issues = [harness.repository.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(8)]
    harness.receive_and_write(seconds=60)
    for issue in issues[:4]:
        issue.close()
        harness.receive_and_write(seconds=400)
    assert harness.writes() == 8
    harness.write()
    assert harness.writes() == 16
    assert all("50\u202f\\%" in said for issue in issues for said in harness.our_comments(issue))


def test_what_is_switched_off_is_written_no_more(harness: GitHubWriteBackHarness) -> None:
    """What was said stays."""
    harness.furnish()
    first = harness.open_issue()
    second = harness.repository.create_issue("Pay again", labels=["checkout"])
    harness.receive_webhooks()
    harness.furnish(on=False)
    first.close()
    harness.receive_and_write(seconds=3 * HOUR)
    assert harness.writes() == 1
    assert len(harness.our_comments(first)) == 1
    assert harness.our_comments(second) == []
    assert harness.row(second).outcome == "write-back is switched off"


def test_hostile_titles_stay_what_they_are(harness: GitHubWriteBackHarness) -> None:
    """No mention, no reference, no markup, no other column."""
    harness.furnish(
        title="@mallory acme/x#1 GH-1 | <b>x</b> [a](http://evil.example) `x` https://github.com/a/b/issues/1"
    )
    issue = harness.open_issue()
    (said,) = harness.our_comments(issue)
    row = next(line for line in said.splitlines() if "mallory" in line)
    for harm in ("@m", "#1", "GH-1", "GH\\-1", "<b>", "](http://evil", "://github.com", "` x"):
        assert harm not in row
    assert row.replace("\\|", "").count("|") == 5


def test_an_app_writes_as_itself_and_hears_itself_not(harness: GitHubWriteBackHarness) -> None:
    """By the installation that sees the repository."""
    app = harness.hub.create_app(permissions={"issues": "write", "pull_requests": "write", "metadata": "read"})
    app.install([harness.repository])
    harness.credentials = {"token": None, "app": {"id": app.id, "private_key": app.pem}}
    harness.furnish()
    issue = harness.open_issue()
    (ours,) = harness.marked(issue)
    assert ours.app is app
    issue.label("okr:KR-2")
    harness.receive_webhooks()
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.write_back).values(memory=None))
    harness.write(seconds=10)
    assert harness.marked(issue) == [ours]
    assert "KR\\-2" in ours.body


def test_a_comment_that_asks_for_a_link_is_answered_by_ours(harness: GitHubWriteBackHarness) -> None:
    """Made, edited by somebody else, edited back and deleted, each is followed; strangers make nothing."""
    harness.furnish()
    hub, issue = harness.hub, harness.repository.create_issue("Pay")
    with hub.acting_as(hub.user("mallory")):
        issue.comment("/okr KR-1")
    harness.receive_webhooks()
    assert harness.rows(tables.link) == []
    assert "no person has the github account mallory" in harness.rows(tables.delivery)[-1].outcome
    with hub.acting_as(hub.user("anaruiz")):
        asked = issue.comment("Sure:\n\n/okr kr-2")
    harness.receive_and_write()
    (said,) = harness.our_comments(issue)
    assert "KR\\-2" in said
    harness.clock.step(5)
    with hub.acting_as(hub.user("mallory")):
        asked.edit("/okr KR-1")
    harness.receive_webhooks()
    assert harness.rows(tables.link) == []
    harness.clock.step(5)
    with hub.acting_as(hub.user("anaruiz")):
        asked.edit("/okr KR-1 KR-2")
    harness.receive_webhooks()
    assert len(harness.rows(tables.link)) == 2
    asked.delete()
    harness.receive_webhooks()
    assert harness.rows(tables.link) == []
    harness.write(seconds=60)
    (said,) = harness.our_comments(issue)
    assert "no key result" in said


def test_who_may_link_by_comments_follows_the_file(harness: GitHubWriteBackHarness) -> None:
    """A comment counts once its author may, and no longer than that."""
    harness.furnish()
    issue = harness.repository.create_issue("Pay")
    with harness.hub.acting_as(harness.hub.user("vic")):
        issue.comment("/okr KR-2")
    harness.receive_webhooks()
    assert harness.rows(tables.link) == []
    for role, links in (("member", 1), ("viewer", 0)):
        vic = f"people: [{{email: vic@example.com, name: Vic Ewer, role: {role}, accounts: {{github: vic}}}}]"
        harness.apply(vic.encode())
        harness.drain()
        assert len(harness.rows(tables.link)) == links


def test_our_own_comments_are_ignored_by_what_marks_them_and_other_bots_are_not(
    harness: GitHubWriteBackHarness,
) -> None:
    """As their deliveries' outcomes say."""
    harness.furnish()
    issue = harness.open_issue()
    harness.receive_webhooks()
    assert harness.rows(tables.delivery)[-1].outcome == "ignored, because it is our own comment"
    with harness.hub.acting_as(harness.hub.user("other[bot]", kind="Bot")):
        issue.comment("/okr KR-2")
    harness.receive_webhooks()
    assert "no person has the github account other[bot]" in harness.rows(tables.delivery)[-1].outcome
