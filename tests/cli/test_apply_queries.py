"""`okr-sync apply` asks trackers about new queries: what they reject is refused, an outage is only a warning."""

from pathlib import Path

import pytest

from sync_service.config_file.preview import asked_queries
from sync_service.domain.trackers.queries import Asked
from tests.cli.conftest import Run
from tests.support.tracker_replies import answered, reply_with, unanswered

OLD = "project = SHOP AND issuetype = Bug AND component = payments"
NEW = "project = SHOP AND component = cards"


@pytest.fixture
def changed(applied: None, directory: Path) -> str:
    """Change the query of a rule in the applied file; return the file's name."""
    del applied
    file = directory / "okrs.yaml"
    file.write_text(file.read_text().replace(OLD, NEW))
    return file.name


def test_a_query_that_the_tracker_rejects_is_an_error_of_the_file(
    run: Run, changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With file and line, the tracker's words, and what is allowed; also in a dry run."""
    asked = reply_with(monkeypatch, unanswered(Asked.REJECTED, "Jira refuses the query: no component cards"))
    for words in (("apply", changed), ("apply", changed, "--dry-run")):
        refused = run(*words)
        assert refused.exit_code == 1
        assert f"{changed}:" in refused.stderr
        assert "no component cards); allowed: a query that the tracker accepts, or state: draft" in refused.stderr
    assert {query for _, query in asked} == {NEW}
    assert OLD in run("export").stdout


@pytest.mark.parametrize("outcome", [Asked.NOT_NOW, Asked.REFUSED])
def test_a_tracker_that_does_not_answer_is_a_warning(
    run: Run, changed: str, monkeypatch: pytest.MonkeyPatch, outcome: Asked
) -> None:
    """The file is applied; the listing checks the query."""
    reply_with(monkeypatch, unanswered(outcome, "the tracker is away"))
    done = run("apply", changed)
    assert (done.exit_code, NEW in run("export").stdout) == (0, True)
    says = "can't be asked about its query (the tracker is away); it is checked when it is listed"
    assert says in done.stderr


def test_warnings_of_the_tracker_are_printed_and_an_unchanged_query_asks_nobody(
    run: Run, changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Applying again asks nothing."""
    asked = reply_with(monkeypatch, answered(warnings=("cards is deprecated",)))
    done = run("apply", changed)
    assert "the tracker warns: cards is deprecated" in done.stderr
    assert len(asked) == 1
    assert run("apply", changed).exit_code == 0
    assert len(asked) == 1


def test_a_draft_asks_nobody(run: Run, changed: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold a query that is not finished."""
    asked = reply_with(monkeypatch, unanswered(Asked.REJECTED, "no component cards"))
    file = directory / changed
    file.write_text(file.read_text().replace(f"query: {NEW}", f"query: {NEW}\n    state: draft"))
    assert run("apply", changed).exit_code == 0
    assert asked == []


def test_many_queries_are_asked_about_up_to_a_number(run: Run, changed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is checked when it is listed."""
    monkeypatch.setattr(asked_queries, "MOST_ASKED", 0)
    asked = reply_with(monkeypatch, answered())
    assert "1 more query: no tracker was asked; it is checked when it is listed" in run("apply", changed).stderr
    assert asked == []


def test_the_state_and_the_versions_of_a_rule_are_checked_before(
    run: Run, applied: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rejected query begins to count nowhere; one that nobody could check does, with a note."""
    del applied
    asked = reply_with(monkeypatch, unanswered(Asked.REJECTED, "Jira refuses the query: no component payments"))
    assert run("rule", "state", "payment-bugs", "draft").exit_code == 0
    for words in (("rule", "state", "payment-bugs", "active"), ("rule", "undo", "payment-bugs", "1")):
        refused = run(*words)
        assert (refused.exit_code, "no component payments" in refused.stderr) == (1, True)
    assert len(asked) == 2
    reply_with(monkeypatch, unanswered(Asked.NOT_NOW, "the tracker is away"))
    done = run("rule", "state", "payment-bugs", "active")
    assert done.stdout == "payment-bugs is active\n"
    assert "could not be asked about its query now (the tracker is away)" in done.stderr
