"""The command `plan`, here and by a server."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from sync_service.cli.plan.text import plan_lines, plan_markdown
from sync_service.web.api.plan.models import KeyResultEffect, Numbers, ObjectiveEffect, Plan
from tests.cli.conftest import Run

URL = "https://okr.example.com"
ADDRESS = f"{URL}/api/v1/plan"
ANSWER: dict[str, Any] = {
    "changes": ["~ key result KR-1: target 100 → 90"],
    "summary": "0 created, 1 changed, 0 removed",
    "warnings": ["a warning"],
    "reverts": [],
    "key_results": [],
    "objectives": [],
}


def effect(slug: str, before: tuple[float, str] | None, after: tuple[float, str] | None) -> KeyResultEffect:
    """Return an effect on a key result whose target is 100\u202f%."""
    sides = [
        side and Numbers.model_validate({"value": side[0], "progress": side[0] / 100, "status": side[1]})
        for side in (before, after)
    ]
    return KeyResultEffect(
        slug=slug,
        title="Ship | *it* @ana",
        unit="%",
        target=100,
        before=sides[0],
        after=sides[1],
        changes=before != after,
        unknown=[],
    )


PLAN = Plan(
    changes=["+ rule more"],
    summary="1 created, 0 changed, 0 removed",
    warnings=[],
    reverts=["key result KR-1: target 5 → 6, which Ana wrote on a page"],
    key_results=[
        effect("KR-1", (99.996, "on_track"), (100, "completed")),
        effect("KR-2", None, (5, "behind")),
        effect("KR-3", (50, "on_track"), None),
        effect("KR-4", (50, "on_track"), (50, "on_track")),
    ],
    objectives=[ObjectiveEffect(slug="fast", title="Fast", before=0.5, after=0.75, changes=True)],
)


def test_a_plan_reads_as_text() -> None:
    """Old → new where it differs; nothing reads as reached before it is."""
    assert list(plan_lines(PLAN)) == [
        "+ rule more",
        "1 created, 0 changed, 0 removed",
        "! key result KR-1: target 5 → 6, which Ana wrote on a page",
        "applying needs --overwrite: it would undo what people wrote on pages",
        "",
        "Key results",
        "  KR-1 Ship | *it* @ana: 99.99\u202f% → 100\u202f%, progress 99\u202f% → 100\u202f%, on track → completed",
        "  KR-2 Ship | *it* @ana: new, 5\u202f%, progress 5\u202f%, behind",
        "  KR-3 Ship | *it* @ana: removed",
        "1 key result stays as it is",
        "",
        "Objectives",
        "  fast Fast: 50\u202f% → 75\u202f%",
    ]


def test_a_plan_reads_as_markdown_without_markup_of_titles() -> None:
    """A title is no markup, adds no column, and mentions nobody."""
    text = "\n".join(plan_markdown(PLAN))
    name, percents = "KR\\-1 Ship \\| \\*it\\* @\u200bana", "99\u202f% → 100\u202f%"
    assert f"| {name} | 99.99\u202f% → 100\u202f% | {percents} | on track → completed |" in text
    assert "| KR\\-2 Ship \\| \\*it\\* @\u200bana | new: 5\u202f% | 5\u202f% | behind |" in text
    assert "| KR\\-3 Ship \\| \\*it\\* @\u200bana | removed |  |  |" in text
    assert "| fast Fast | 50\u202f% → 75\u202f% |" in text
    assert "**Applying needs \\-\\-overwrite: it would undo what people wrote on pages:**" in text


@pytest.mark.slow
@pytest.mark.usefixtures("applied")
def test_a_plan_changes_nothing(run: Run, directory: Path) -> None:
    """As text and as JSON; 1 with a mistake."""
    text = (directory / "okrs.yaml").read_text()
    (directory / "other.yaml").write_text(text.replace("weight: 2", "weight: 5"))
    assert "nothing to change" in run("plan", "okrs.yaml").stdout
    found = run("plan", "other.yaml")
    assert (found.exit_code, "~ key result" in found.stdout) == (0, True)
    as_json = json.loads(run("plan", "other.yaml", "--format", "json").stdout)
    assert as_json["changes"] == [line for line in found.stdout.splitlines() if line.startswith("~")]
    assert run("apply", "--dry-run", "okrs.yaml").stdout == "nothing to change\n"
    (directory / "wrong.yaml").write_text("teams: [{slug: 5 5}]")
    wrong = run("plan", "wrong.yaml")
    assert (wrong.exit_code, "wrong.yaml:1:" in wrong.stderr) == (1, True)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[responses.RequestsMock]:
    """Yield a server's answers, with a token set and a file to plan."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OKR_SYNC_TOKEN", "the token")
    monkeypatch.setattr(time, "sleep", lambda _: None)
    Path("okrs.yaml").write_text("teams: []")
    with responses.RequestsMock() as mock:
        yield mock


def ask(run: Run, *words: str, address: str = URL) -> Any:
    """Run the command with a server."""
    return run("plan", "okrs.yaml", "--server", address, *words)


def test_a_server_is_asked_with_the_token(run: Run, answers: responses.RequestsMock) -> None:
    """The files go as they are; while it computes another plan, it is asked again."""
    busy = {"status": 503, "headers": {"Retry-After": "5"}, "json": {"detail": "Another plan is being computed"}}
    answers.post(ADDRESS, **busy)
    answers.post(ADDRESS, json=ANSWER)
    found = ask(run, "--prune", address=f"{URL}/")
    assert (found.exit_code, found.stderr) == (0, "warning: a warning\n")
    assert found.stdout.splitlines()[:2] == [*ANSWER["changes"], ANSWER["summary"]]
    request = answers.calls[1].request
    assert request.headers["Authorization"] == "Bearer the token"
    assert json.loads(request.body or "") == {"files": [{"name": "okrs.yaml", "text": "teams: []"}], "prune": True}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"status": 401, "json": {"detail": "This token is unknown."}}, "This token is unknown."),
        (
            {"status": 422, "json": {"detail": "x", "errors": [{"parameter": "okrs.yaml:3", "detail": "found 5"}]}},
            "okrs.yaml:3: found 5",
        ),
        ({"status": 502, "body": "<html>bad gateway"}, "answered 502, and not as OKR Sync does"),
        ({"status": 200, "body": "<html>hello"}, "does not answer as OKR Sync does"),
        ({"status": 200, "json": {"items": []}}, "does not answer as OKR Sync does"),
        ({"status": 500, "json": ["odd"]}, "answered 500, and not as OKR Sync does"),
        (
            {"status": 301, "headers": {"Location": "https://other.example.com"}},
            "redirects to https://other.example.com",
        ),
        ({"body": requests.ConnectionError("no route")}, "can't be asked: no route"),
    ],
)
def test_a_server_that_refuses_is_an_error(
    run: Run, answers: responses.RequestsMock, answer: dict[str, Any], expected: str
) -> None:
    """Exit code 1, with what it said; the token is not sent where it redirects to."""
    answers.post(ADDRESS, **answer)
    found = ask(run)
    assert found.exit_code == 1
    assert expected in found.stderr
    assert "the token" not in found.stderr


def test_a_server_needs_a_token_and_an_address(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is sent without them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OKR_SYNC_TOKEN", raising=False)
    Path("okrs.yaml").write_bytes(b"teams: []")
    assert "OKR_SYNC_TOKEN is not set" in ask(run).stderr
    monkeypatch.setenv("OKR_SYNC_TOKEN", "t")
    assert ask(run, address="okr.example.com").exit_code == 2
    Path("okrs.yaml").write_bytes(b"teams: [\xff]")
    assert "okrs.yaml is not UTF-8" in ask(run).stderr


@pytest.mark.usefixtures("applied")
def test_the_token_is_no_unknown_setting(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other commands start with it in the environment."""
    monkeypatch.setenv("OKR_SYNC_TOKEN", "t")
    assert run("status").exit_code == 0


def test_a_failed_call_without_words_is_named_by_its_kind(run: Run, answers: responses.RequestsMock) -> None:
    """Some errors of the network have no text."""
    answers.post(ADDRESS, body=requests.RequestException())
    assert "can't be asked: RequestException" in ask(run).stderr
