"""Issues on a simulated GitHub say which key results they serve: once, truly, and not too often."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from tests.flows.write_back_github import Stage, on_stage
from tests.flows.write_back_harness import HOUR

pytestmark = pytest.mark.slow


@pytest.fixture
def stage(services: Services) -> Iterator[Stage]:
    """Set the stage."""
    with on_stage(services) as made:
        yield made


def test_a_linked_issue_says_so_within_seconds_and_once(stage: Stage) -> None:
    """One comment, that names the key result, its page, how it stands, and the objective."""
    stage.furnish()
    issue = stage.repository.create_issue("Pay", labels=["checkout"])
    stage.receive_webhooks()
    assert stage.our_comments(issue) == []
    stage.write(seconds=10)
    (said,) = stage.our_comments(issue)
    assert "KR\\-1 Ship carts](http://127.0.0.1:8080/key-results/KR-1)" in said
    assert "0\u202f\\%" in said
    assert "Paying is fast" in said
    assert stage.row(issue).outcome == "written"


def test_our_own_comments_make_nothing_of_themselves(stage: Stage) -> None:
    """Their deliveries come back to us, and no further write follows, however long we wait."""
    stage.furnish()
    issue = stage.open_issue()
    before = stage.writes()
    for _ in range(3):
        stage.hear_and_write(seconds=HOUR)
    assert stage.writes() == before == 1
    assert len(issue.comments) == 1


def test_a_pull_request_says_so_too(stage: Stage) -> None:
    """It is commented on as an issue is."""
    stage.furnish()
    pull = stage.repository.create_pull_request("Add cards", labels=["checkout"])
    stage.hear_and_write()
    assert len(stage.our_comments(pull)) == 1


def test_links_that_come_and_go_within_seconds_are_written_once(stage: Stage) -> None:
    """What counts is how things stand when it is written."""
    stage.furnish()
    issue = stage.repository.create_issue("Pay", labels=["checkout"])
    issue.label("okr:KR-2")
    stage.receive_webhooks()
    issue.unlabel("checkout")
    stage.hear_and_write()
    (said,) = stage.our_comments(issue)
    assert "KR\\-2" in said
    assert "KR\\-1" not in said
    assert stage.writes() == 1


def test_an_issue_that_was_unlinked_before_anything_was_said_is_never_called_about(stage: Stage) -> None:
    """Nobody is told of what came to nothing."""
    stage.furnish()
    issue = stage.repository.create_issue("Pay", labels=["checkout"])
    stage.receive_webhooks()
    issue.unlabel("checkout")
    stage.hear_and_write()
    assert stage.comment_calls() == []
    assert stage.row(issue).outcome == "the issue serves no key result"


def test_what_is_no_longer_served_is_said_by_an_edit(stage: Stage) -> None:
    """The comment stays, and tells of a later link by another edit."""
    stage.furnish()
    issue = stage.open_issue()
    issue.unlabel("checkout")
    stage.hear_and_write()
    (said,) = stage.our_comments(issue)
    assert said.startswith("This counts toward no key result any more.")
    issue.label("checkout")
    stage.hear_and_write()
    (said,) = stage.our_comments(issue)
    assert "KR\\-1" in said
    assert [call.method for call in stage.comment_calls() if call.method != "GET"] == ["POST", "PATCH", "PATCH"]


def test_a_moving_key_result_is_told_of_once_an_hour(stage: Stage) -> None:
    """By each issue that serves it, and with how it stands by then."""
    stage.furnish()
    issues = [stage.repository.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(8)]
    stage.hear_and_write(seconds=60)
    for issue in issues[:4]:
        issue.close()
        stage.hear_and_write(seconds=400)
    assert stage.writes() == 8
    stage.write()
    assert stage.writes() == 16
    assert all("50\u202f\\%" in said for issue in issues for said in stage.our_comments(issue))


def test_what_is_switched_off_is_written_no_more(stage: Stage) -> None:
    """What was said stays."""
    stage.furnish()
    first = stage.open_issue()
    second = stage.repository.create_issue("Pay again", labels=["checkout"])
    stage.receive_webhooks()
    stage.furnish(on=False)
    first.close()
    stage.hear_and_write(seconds=3 * HOUR)
    assert stage.writes() == 1
    assert len(stage.our_comments(first)) == 1
    assert stage.our_comments(second) == []
    assert stage.row(second).outcome == "write-back is switched off"


def test_hostile_titles_stay_what_they_are(stage: Stage) -> None:
    """No mention, no reference, no markup, no other column."""
    stage.furnish(
        title="@mallory acme/x#1 GH-1 | <b>x</b> [a](http://evil.example) `x` https://github.com/a/b/issues/1"
    )
    issue = stage.open_issue()
    (said,) = stage.our_comments(issue)
    row = next(line for line in said.splitlines() if "mallory" in line)
    for harm in ("@m", "#1", "GH-1", "GH\\-1", "<b>", "](http://evil", "://github.com", "` x"):
        assert harm not in row
    assert row.replace("\\|", "").count("|") == 5


def test_an_app_writes_as_itself_and_hears_itself_not(stage: Stage) -> None:
    """By the installation that sees the repository."""
    app = stage.hub.create_app(permissions={"issues": "write", "pull_requests": "write", "metadata": "read"})
    app.install([stage.repository])
    stage.credentials = {"token": None, "app": {"id": app.id, "private_key": app.pem}}
    stage.furnish()
    issue = stage.open_issue()
    (ours,) = stage.marked(issue)
    assert ours.app is app
    issue.label("okr:KR-2")
    stage.receive_webhooks()
    with writing(stage.services.engine) as tx:
        tx.execute(sa.update(tables.write_back).values(memory=None))
    stage.write(seconds=10)
    assert stage.marked(issue) == [ours]
    assert "KR\\-2" in ours.body


def test_a_comment_that_asks_for_a_link_is_answered_by_ours(stage: Stage) -> None:
    """Made, edited by somebody else, edited back and deleted, each is followed; strangers make nothing."""
    stage.furnish()
    hub, issue = stage.hub, stage.repository.create_issue("Pay")
    with hub.acting_as(hub.user("mallory")):
        issue.comment("/okr KR-1")
    stage.receive_webhooks()
    assert stage.rows(tables.link) == []
    assert "no person has the github account mallory" in stage.rows(tables.delivery)[-1].outcome
    with hub.acting_as(hub.user("anaruiz")):
        asked = issue.comment("Sure:\n\n/okr kr-2")
    stage.hear_and_write()
    (said,) = stage.our_comments(issue)
    assert "KR\\-2" in said
    stage.clock.step(5)
    with hub.acting_as(hub.user("mallory")):
        asked.edit("/okr KR-1")
    stage.receive_webhooks()
    assert stage.rows(tables.link) == []
    stage.clock.step(5)
    with hub.acting_as(hub.user("anaruiz")):
        asked.edit("/okr KR-1 KR-2")
    stage.receive_webhooks()
    assert len(stage.rows(tables.link)) == 2
    asked.delete()
    stage.receive_webhooks()
    assert stage.rows(tables.link) == []
    stage.write(seconds=60)
    (said,) = stage.our_comments(issue)
    assert "no key result" in said


def test_who_may_link_by_comments_follows_the_file(stage: Stage) -> None:
    """A comment counts once its author may, and no longer than that."""
    stage.furnish()
    issue = stage.repository.create_issue("Pay")
    with stage.hub.acting_as(stage.hub.user("vic")):
        issue.comment("/okr KR-2")
    stage.receive_webhooks()
    assert stage.rows(tables.link) == []
    for role, links in (("member", 1), ("viewer", 0)):
        vic = f"people: [{{email: vic@example.com, name: Vic Ewer, role: {role}, accounts: {{github: vic}}}}]"
        stage.apply(vic.encode())
        stage.drain()
        assert len(stage.rows(tables.link)) == links


def test_our_own_comments_are_ignored_by_what_marks_them_and_other_bots_are_not(stage: Stage) -> None:
    """As their deliveries' outcomes say."""
    stage.furnish()
    issue = stage.open_issue()
    stage.receive_webhooks()
    assert stage.rows(tables.delivery)[-1].outcome == "ignored, because it is our own comment"
    with stage.hub.acting_as(stage.hub.user("other[bot]", kind="Bot")):
        issue.comment("/okr KR-2")
    stage.receive_webhooks()
    assert "no person has the github account other[bot]" in stage.rows(tables.delivery)[-1].outcome
