"""The command `rule preview-query`."""

import json
from datetime import UTC, datetime

import pytest

from sync_service.domain.trackers.queries import Asked
from tests.cli.conftest import Run
from tests.support.tracker_replies import answered, found, reply_with, unanswered

QUERY = "repo:acme/checkout is:issue label:pay"
WORDS = ("rule", "preview-query", QUERY, "--connection", "acme-github", "--key-result", "KR-1")


@pytest.mark.usefixtures("applied")
def test_a_query_is_previewed_as_text_and_json(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text for people, JSON as in the API."""
    reply_with(monkeypatch, answered(found("501#77", "acme/checkout#77"), warnings=("take care",)))
    assert run(*WORDS).stdout.splitlines() == [
        "1 issue, 2 more outside the watched scopes, 1 of those shown do not count yet",
        "  warning: take care",
        "  + acme/checkout#77  todo  Pay by card  (unknown before listing)",
        "the new values are not known yet: 1 issue is unknown before listing",
    ]
    printed = json.loads(run(*WORDS, "--json").stdout)
    assert (printed["outcome"], printed["preview"]["count"]) == ("answered", 1)
    reply_with(monkeypatch, answered())
    assert run(*WORDS).stdout.splitlines()[1:] == ["KR-1  no data, unchanged"]
    reply_with(monkeypatch, answered(found("501#77", "acme/checkout#77"), whole=False, count=120))
    assert run(*WORDS).stdout.startswith("about 120 issues")


@pytest.mark.usefixtures("applied")
def test_no_answer_ends_with_its_reason(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error, with exit code 1."""
    at = datetime(2026, 11, 2, 12, tzinfo=UTC)
    reply_with(monkeypatch, unanswered(Asked.NOT_NOW, "the tracker is away", at))
    away = run(*WORDS)
    assert away.exit_code == 1
    assert away.stderr == (
        "Error: it can't be asked about now: the tracker is away; it can be asked again at 2026-11-02T12:00:00.000Z\n"
    )
    reply_with(monkeypatch, unanswered(Asked.REJECTED, "no such field"))
    rejected = run(*WORDS, "--json")
    assert (rejected.exit_code, json.loads(rejected.stdout)["outcome"]) == (1, "rejected")
    assert "the query can't be used: no such field" in rejected.stderr
    unknown = run("rule", "preview-query", "--rule", "nothing")
    assert (unknown.exit_code, "there is no rule nothing" in unknown.stderr) == (1, True)
