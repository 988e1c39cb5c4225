"""Issues on a simulated GitHub get a note with their key results: once, correct, and not too often."""

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
    """Yield the harness."""
    with open_github_harness(services) as made:
        yield made


def test_a_linked_issue_gets_one_note_within_seconds(harness: GitHubWriteBackHarness) -> None:
    """The comment has the key result, its page, its progress and the objective."""
    harness.furnish()
    issue = harness.repository.create_issue("Pay", labels=["checkout"])
    harness.receive_webhooks()
    assert harness.our_comment_texts(issue) == []
    harness.write(seconds=10)
    (text,) = harness.our_comment_texts(issue)
    assert "KR\\-1 Ship carts](http://127.0.0.1:8080/key-results/KR-1)" in text
    assert "0\u202f\\%" in text
    assert "Paying is fast" in text
    assert harness.row(issue).outcome == "written"


def test_our_own_comments_cause_no_further_writes(harness: GitHubWriteBackHarness) -> None:
    """Their deliveries come back to us, and must not start a loop."""
    harness.furnish()
    issue = harness.open_issue()
    before = harness.writes()
    for _ in range(3):
        harness.receive_and_write(seconds=HOUR)
    assert harness.writes() == before == 1
    assert len(issue.comments) == 1


def test_a_pull_request_gets_a_note_too(harness: GitHubWriteBackHarness) -> None:
    """It gets a comment as an issue does."""
    harness.furnish()
    pull = harness.repository.create_pull_request("Add cards", labels=["checkout"])
    harness.receive_and_write()
    assert len(harness.our_comment_texts(pull)) == 1


def test_links_that_change_within_seconds_are_written_once(harness: GitHubWriteBackHarness) -> None:
    """The note has the links at the time of the write."""
    harness.furnish()
    issue = harness.repository.create_issue("Pay", labels=["checkout"])
    issue.label("okr:KR-2")
    harness.receive_webhooks()
    issue.unlabel("checkout")
    harness.receive_and_write()
    (text,) = harness.our_comment_texts(issue)
    assert "KR\\-2" in text
    assert "KR\\-1" not in text
    assert harness.writes() == 1


def test_an_issue_unlinked_before_its_first_note_causes_no_call(
    harness: GitHubWriteBackHarness,
) -> None:
    """A link that is already gone needs no note."""
    harness.furnish()
    issue = harness.repository.create_issue("Pay", labels=["checkout"])
    harness.receive_webhooks()
    issue.unlabel("checkout")
    harness.receive_and_write()
    assert harness.comment_calls() == []
    assert harness.row(issue).outcome == "the issue serves no key result"


def test_an_unlinked_issue_gets_its_comment_edited(harness: GitHubWriteBackHarness) -> None:
    """The comment stays; a later link is another edit."""
    harness.furnish()
    issue = harness.open_issue()
    issue.unlabel("checkout")
    harness.receive_and_write()
    (text,) = harness.our_comment_texts(issue)
    assert text.startswith("This counts toward no key result any more.")
    issue.label("checkout")
    harness.receive_and_write()
    (text,) = harness.our_comment_texts(issue)
    assert "KR\\-1" in text
    assert [call.method for call in harness.comment_calls() if call.method != "GET"] == ["POST", "PATCH", "PATCH"]


def test_a_moving_key_result_is_rewritten_once_an_hour(harness: GitHubWriteBackHarness) -> None:
    """Each linked issue gets the progress at the time of the write."""
    harness.furnish()
    issues = [harness.repository.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(8)]
    harness.receive_and_write(seconds=60)
    for issue in issues[:4]:
        issue.close()
        harness.receive_and_write(seconds=400)
    assert harness.writes() == 8
    harness.write()
    assert harness.writes() == 16
    assert all("50\u202f\\%" in text for issue in issues for text in harness.our_comment_texts(issue))


def test_no_note_is_written_after_write_back_is_switched_off(harness: GitHubWriteBackHarness) -> None:
    """Existing comments stay."""
    harness.furnish()
    first = harness.open_issue()
    second = harness.repository.create_issue("Pay again", labels=["checkout"])
    harness.receive_webhooks()
    harness.furnish(on=False)
    first.close()
    harness.receive_and_write(seconds=3 * HOUR)
    assert harness.writes() == 1
    assert len(harness.our_comment_texts(first)) == 1
    assert harness.our_comment_texts(second) == []
    assert harness.row(second).outcome == "write-back is switched off"


def test_hostile_titles_are_escaped(harness: GitHubWriteBackHarness) -> None:
    """They make no mention, no reference, no markup and no further table column."""
    harness.furnish(
        title="@mallory acme/x#1 GH-1 | <b>x</b> [a](http://evil.example) `x` https://github.com/a/b/issues/1"
    )
    issue = harness.open_issue()
    (text,) = harness.our_comment_texts(issue)
    row = next(line for line in text.splitlines() if "mallory" in line)
    for harm in ("@m", "#1", "GH-1", "GH\\-1", "<b>", "](http://evil", "://github.com", "` x"):
        assert harm not in row
    assert row.replace("\\|", "").count("|") == 5


def test_an_app_writes_as_itself_and_ignores_its_own_comments(harness: GitHubWriteBackHarness) -> None:
    """It uses the installation that has the repository."""
    app = harness.hub.create_app(permissions={"issues": "write", "pull_requests": "write", "metadata": "read"})
    app.install([harness.repository])
    harness.credentials = {"token": None, "app": {"id": app.id, "private_key": app.pem}}
    harness.furnish()
    issue = harness.open_issue()
    (ours,) = harness.our_comment_objects(issue)
    assert ours.app is app
    issue.label("okr:KR-2")
    harness.receive_webhooks()
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.write_back).values(memory=None))
    harness.write(seconds=10)
    assert harness.our_comment_objects(issue) == [ours]
    assert "KR\\-2" in ours.body


def test_a_link_comment_makes_a_link_and_a_note(harness: GitHubWriteBackHarness) -> None:
    """A comment that is edited by others, edited back or deleted changes the links; strangers make none."""
    harness.furnish()
    hub, issue = harness.hub, harness.repository.create_issue("Pay")
    with hub.acting_as(hub.user("mallory")):
        issue.comment("/okr KR-1")
    harness.receive_webhooks()
    assert harness.rows(tables.link) == []
    assert "no person has the github account mallory" in harness.rows(tables.delivery)[-1].outcome
    with hub.acting_as(hub.user("anaruiz")):
        link_comment = issue.comment("Sure:\n\n/okr kr-2")
    harness.receive_and_write()
    (text,) = harness.our_comment_texts(issue)
    assert "KR\\-2" in text
    harness.clock.step(5)
    with hub.acting_as(hub.user("mallory")):
        link_comment.edit("/okr KR-1")
    harness.receive_webhooks()
    assert harness.rows(tables.link) == []
    harness.clock.step(5)
    with hub.acting_as(hub.user("anaruiz")):
        link_comment.edit("/okr KR-1 KR-2")
    harness.receive_webhooks()
    assert len(harness.rows(tables.link)) == 2
    link_comment.delete()
    harness.receive_webhooks()
    assert harness.rows(tables.link) == []
    harness.write(seconds=60)
    (text,) = harness.our_comment_texts(issue)
    assert "no key result" in text


def test_the_configuration_file_decides_who_may_link_by_comments(harness: GitHubWriteBackHarness) -> None:
    """A comment counts exactly while its author has the role."""
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


def test_our_own_comments_are_ignored_by_their_marker(
    harness: GitHubWriteBackHarness,
) -> None:
    """Comments of other bots are not ignored; the deliveries' outcomes show it."""
    harness.furnish()
    issue = harness.open_issue()
    harness.receive_webhooks()
    assert harness.rows(tables.delivery)[-1].outcome == "ignored, because it is our own comment"
    with harness.hub.acting_as(harness.hub.user("other[bot]", kind="Bot")):
        issue.comment("/okr KR-2")
    harness.receive_webhooks()
    assert "no person has the github account other[bot]" in harness.rows(tables.delivery)[-1].outcome
