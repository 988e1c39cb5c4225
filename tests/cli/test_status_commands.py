"""The commands status, explain, replay, sign-in and token."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.domain.text import counted
from sync_service.runtime.instance_lock import hold_instance_lock, write_process_status
from sync_service.runtime.supervisor import ProcessStatus
from sync_service.store import tables as t
from sync_service.store.engine.database import open_database, reading, writing
from sync_service.store.people import auth
from tests.cli.conftest import Run
from tests.support.stored_forecast import save_forecast

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def engine(applied: None, directory: Path) -> Iterator[Engine]:
    """Yield the command's database with two deliveries and a refused connection."""
    opened = open_database(f"sqlite:///{directory / 'var' / 'okr-sync.db'}")
    with writing(opened) as tx:
        row = {"connection_id": 1, "headers": {}, "body": b"", "outcome": "", "due_at": None, "attempts": 1}
        early = row | {
            "delivery_id": "early",
            "received_at": NOW - timedelta(days=2),
            "settled_at": NOW,
            "buried_at": None,
        }
        late = row | {"delivery_id": "late", "received_at": NOW, "settled_at": None, "buried_at": NOW}
        tx.execute(sa.insert(t.delivery), [early, late])
        refused = {"refused_at": NOW, "refused_reason": "Bad credentials"}
        tx.execute(sa.update(t.connection).where(t.connection.c.id == 1).values(refused))
    yield opened
    opened.dispose()


def test_status_shows_the_backlog_and_refusals(run: Run, engine: Engine) -> None:
    """In words and as JSON; no Redis runs here."""
    text = run("status").stdout
    assert "refused since" in text
    assert "acme/checkout: not imported yet" in text
    assert "Redis does not answer" in text
    assert "okr-sync replay --buried" in text
    report = json.loads(run("status", "--json").stdout)
    assert report["connections"][0]["refused"]["reason"] == "Bad credentials"
    assert report["connections"][1]["refused"] is None
    rows = {one["table"]: one for one in report["rows"]}
    assert (rows["delivery"]["buried"], rows["delivery"]["due"], rows["relink_request"]["due"]) == (1, 0, 2)
    assert rows["relink_request"]["lag_seconds"] >= 0
    assert (report["redis"], report["workers"]) == ("away", None)


def test_status_counts_the_workers(run: Run, engine: Engine, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis is available, and no worker runs."""
    monkeypatch.setenv("REDIS_URL", redis_url)
    assert "Workers: 0; start one" in run("status").stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ({"pid": 7, "runs_for": 60.0}, "web         running as process 7 since 2026-11-24T11:59:00.000Z\n"),
        ({"pid": 7, "deaths": 1, "code": -9}, "Z; died once, by SIGKILL\n"),
        ({"starts_in": 2.0, "deaths": 3, "code": 2}, "restarts at 2026-11-24T12:00:02.000Z; died 3 times in a row"),
        ({"deaths": 2, "code": 2}, "in a row, most recently with exit code 2\n"),
        ({"deaths": 2, "code": -250}, "in a row, most recently by signal 250\n"),
        ({"deaths": 5, "reason": "no such file"}, "failed 5 times in a row, most recently because it cannot start: no"),
    ],
)
def test_status_shows_the_processes(
    run: Run, engine: Engine, directory: Path, columns: dict[str, Any], line: str
) -> None:
    """One line for each while an `up` runs in this directory."""
    usual = {"pid": None, "runs_for": 0.0, "starts_in": 0.0, "deaths": 0, "code": None, "reason": ""}
    with hold_instance_lock(directory / "var"):
        assert "the status of its processes is unknown" in run("status").stdout
        assert json.loads(run("status", "--json").stdout)["processes"] == []
        write_process_status(
            directory / "var",
            [ProcessStatus(name="web", **usual | columns)],
            now=datetime(2026, 11, 24, 12, tzinfo=UTC),
        )
        assert line in run("status").stdout
        (shown,) = json.loads(run("status", "--json").stdout)["processes"]
        assert shown["reason"] == columns.get("reason")
    assert json.loads(run("status", "--json").stdout)["processes"] is None


@pytest.mark.slow
def test_explain_shows_the_value_and_its_reasons(run: Run, engine: Engine) -> None:
    """The case of the name does not matter. It shows pending links, and stale values of a refused connection."""
    with writing(engine) as tx:
        cause = {"what": "closed as done", "issue": "acme/checkout#1", "delivery": "d-1", "actor": "ana"}
        tx.execute(
            sa.insert(t.history).values({"key_result_id": 1, "at": NOW, "from": 0.0, "to": 50.0, "causes": [cause]})
        )
        tx.execute(
            sa.update(t.key_result).where(t.key_result.c.id == 1).values(current=50.0, progress=0.5, updated_at=NOW)
        )
    text = run("explain", "kr-1").stdout
    assert "KR-1  Ship the new checkout" in text
    assert "50\u202f%, from 0 to 100" in text
    assert "Bad credentials" in text
    assert "acme/checkout#12  (weight 3, by hand; does not count: not seen yet)" in text
    assert "acme/checkout#1: closed as done, by ana (delivery d-1)" in text
    report = json.loads(run("explain", "KR-1", "--json").stdout)
    assert (report["slug"], report["owner"], report["current"], report["progress"]) == (
        "KR-1",
        "ana@example.com",
        50,
        0.5,
    )
    assert report["stale"] == {"since": report["updated_at"], "reason": "acme-github: Bad credentials"}
    assert report["updated_at"].endswith("Z")
    assert report["history"][0]["causes"][0]["delivery"] == "d-1"
    assert report["issues"][0]["why_not"] == "not seen yet"
    assert "It has not changed yet" in run("explain", "KR-2").stdout
    assert "No issue is linked" in run("explain", "KR-2").stdout
    assert "query      of rule payment-bugs: project = SHOP" in run("explain", "KR-2").stdout
    assert "not listed yet, 0 members" in run("explain", "KR-2").stdout


@pytest.mark.slow
def test_explain_says_the_forecast_and_what_an_issue_is_worth(run: Run, engine: Engine) -> None:
    """Both in words and as JSON."""
    with writing(engine) as tx:
        save_forecast(tx, 1, today=NOW.date())
        issue = {"connection_id": 1, "identity": "501#7", "key": "acme/checkout#7", "folded_key": "acme/checkout#7"}
        tx.execute(sa.insert(t.issue).values(**issue, state="todo", labels=[], assignees=[], title="Pay"))
    text = run("explain", "KR-1").stdout.replace("\u202f", " ")
    assert "\nForecast\n  The target is reached at the end of the cycle" in text
    assert "  Of 6 earlier dates called with 85 %, 5 came true.\n" in text
    assert "acme/checkout#3  Pay  (blocked; done now, the chance rises by 12 percentage points)" in text
    report = json.loads(run("explain", "KR-1", "--json").stdout)
    assert (report["forecast"]["chance"], report["forecast_decided_by"][0]["effect"]) == (0.36, 0.12)
    assert report["forecast_says"][-1] == "Of 6 earlier dates called with 85\u202f%, 5 came true."
    text = run("explain", "--issue", "ACME/checkout#7").stdout
    assert "acme-github:acme/checkout#7  Pay\n  state      todo\n" in text
    assert "It serves no key result: its scope is not watched" in text
    assert "Closing it moves no key result" in text
    assert json.loads(run("explain", "--issue", "acme-github:acme/checkout#7", "--json").stdout)["worth"] == []
    assert "no issue 'x' is known" in run("explain", "--issue", "x").stderr
    assert run("explain").exit_code == 2
    assert run("explain", "KR-1", "--issue", "x").exit_code == 2


def test_explain_shows_the_whole_sum_of_any_past_time_and_the_parts_of_a_change(run: Run, engine: Engine) -> None:
    """A day alone means its end. Before the first recorded value there is nothing to explain."""
    basis = {"measure": {"kind": "done-share"}, "start": 0, "target": 100, "at": NOW.isoformat()}
    entry = {
        "key_result_id": 1,
        "at": NOW,
        "from": 0.0,
        "to": 50.0,
        "causes": [{"what": "closed as done", "issue": "acme/checkout#1"}],
        "parts": [{"kind": "scope_added", "change": -16.666667}, {"kind": "done", "change": 66.666667}],
        "contributions": [[1, None, {"state": "done"}], [999, None, {"state": "todo"}]],
        "computed_from": basis | {"checked_in": None, "steps_done": []},
    }
    with writing(engine) as tx:
        tx.execute(sa.insert(t.history).values(entry))
    text = run("explain", "KR-1", "--at", f"{NOW:%Y-%m-%d}").stdout
    assert "1 / 2 = 50: 1 of 2 issues done" in text
    assert "\u221216.67 by added scope, +66.67 by work done" in text
    assert json.loads(run("explain", "KR-1", "--at", f"{NOW:%Y-%m-%d}", "--json").stdout)["value"] == 50
    early, wrong = run("explain", "KR-1", "--at", "2020-01-01"), run("explain", "KR-1", "--at", "soon")
    assert "KR-1 has no recorded value as early as 2020-01-01T23:59:59" in early.stderr
    assert (early.exit_code, wrong.exit_code) == (1, 2)


def test_a_day_of_explain_ends_in_the_time_zone_of_the_key_result(run: Run, engine: Engine) -> None:
    """As the days of its line do; not in the zone of the settings, where the organisation has another."""
    with writing(engine) as tx:
        zone = {"name": "", "timezone": "Asia/Tokyo"}
        if not tx.execute(sa.update(t.organisation).values(zone)).rowcount:
            tx.execute(sa.insert(t.organisation).values(zone))
    assert "as early as 2020-01-01T14:59:59" in run("explain", "KR-1", "--at", "2020-01-01").stderr


def test_a_replay_of_an_unknown_delivery_is_not_in_the_audit_log(run: Run, engine: Engine) -> None:
    """Nothing was done."""
    before = run("audit").stdout
    assert run("replay", "--delivery", "no-such-id").exit_code == 1
    assert run("audit").stdout == before


def test_explain_shows_the_line_of_the_cycle(run: Run, engine: Engine) -> None:
    """One value a day, and which days were not seen."""
    closed, began = NOW - timedelta(days=2), NOW - timedelta(days=6)
    issue = {"connection_id": 1, "identity": "501#1", "key": "acme/checkout#1", "labels": [], "assignees": []}
    times = {"state": "done", "created_at": NOW - timedelta(days=4), "closed_at": closed, "updated_at": closed}
    with writing(engine) as tx:
        days = {"starts": began.date(), "ends": NOW.date(), "starts_at": began, "ends_at": NOW + timedelta(days=1)}
        tx.execute(sa.update(t.cycle).values(days))
        issue_id = tx.execute(sa.insert(t.issue).values(issue | times).returning(t.issue.c.id)).scalar_one()
        tx.execute(sa.insert(t.contribution).values(key_result_id=1, issue_id=issue_id, state="done", weight=1))
    text = re.sub(" +", " ", run("explain", "KR-1", "--line").stdout)
    assert f"{NOW - timedelta(days=3):%Y-%m-%d} ~ 0\u202f% 0 of 1 issue done\n" in text
    assert f"{closed:%Y-%m-%d} ~ 100\u202f% 1 of 1 issue done\n" in text
    assert "(~) are reconstructed with the links, weights and numbers of today\n" in text
    report = json.loads(run("explain", "KR-1", "--line", "--json").stdout)
    assert (report["slug"], report["items"][-1]["value"], report["items"][-1]["done"]) == ("KR-1", 100, 1)
    assert run("explain", "KR-1", "--line", "--at", "2026-10-01").exit_code == 2


def test_explain_shows_no_target_before_it_is_reached(run: Run, engine: Engine) -> None:
    """212 of 213 are not the whole way, and 99.9996 % is not 100 %."""
    with writing(engine) as tx:
        nearly: dict[str, float | str] = {"current": 99.5305, "progress": 0.995305}
        tx.execute(sa.update(t.key_result).where(t.key_result.c.id == 1).values(nearly))
        nearly = {"current": 5.001, "start": 40, "target": 5, "unit": "bugs", "progress": 0.999971}
        tx.execute(sa.update(t.key_result).where(t.key_result.c.id == 2).values(nearly))
    first, second = run("explain", "KR-1").stdout, run("explain", "KR-2").stdout
    assert "value      99.53\u202f%, from 0 to 100\n" in first
    assert "99\u202f% of the way" in first
    assert "value      5.01\u202fbugs, from 40 to 5\n" in second
    assert "99\u202f% of the way" in second


@pytest.mark.parametrize(
    ("words", "due"),
    [
        (("--buried",), ["late"]),
        (("--delivery", "early"), ["early"]),
        (("--delivery", "2"), ["late"]),
        (("--since", "1d"), ["late"]),
        (("--since", "2000-01-01"), ["early", "late"]),
        (("--since", "2000-01-01T00:00+02:00"), ["early", "late"]),
    ],
)
def test_replay_makes_rows_due_again(run: Run, engine: Engine, words: tuple[str, ...], due: list[str]) -> None:
    """The selected rows start with their first attempt."""
    result = run("replay", *words)
    assert (result.exit_code, result.stdout) == (0, f"due again: {counted(len(due), 'row')} ({len(due)} of delivery)\n")
    again = sa.select(t.delivery.c.delivery_id).where(t.delivery.c.due_at.isnot(None), t.delivery.c.attempts == 0)
    with reading(engine) as tx:
        assert tx.scalars(again.order_by(t.delivery.c.id)).all() == due


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--buried", "--since", "1d"),
        ("--since", "yesterday"),
        ("--since", "999999d"),
        ("--since", "0001-01-01T00:00+14:00"),
    ],
)
def test_an_ambiguous_replay_is_refused(run: Run, engine: Engine, words: tuple[str, ...]) -> None:
    """Exit code 2."""
    assert run("replay", *words).exit_code == 2


def test_a_sign_in_link_is_printed_and_works_once(run: Run, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It uses the base URL."""
    monkeypatch.setenv("OKR_SYNC_BASE_URL", "https://okr.example.com/")
    link = run("sign-in", "Ana@Example.com").stdout.strip()
    address, _, token = link.rpartition("/")
    assert address == "https://okr.example.com/sign-in"
    with writing(engine) as tx:
        assert auth.use_sign_in_link(tx, token, datetime.now(UTC)) == 1
        assert auth.use_sign_in_link(tx, token, datetime.now(UTC)) is None


def test_a_token_is_printed_once_and_can_be_revoked(run: Run, engine: Engine) -> None:
    """Only the token goes to standard output, for scripts."""
    token = run("token", "create", "--name", "ci", "--role", "viewer").stdout.strip()
    with reading(engine) as tx:
        found = auth.find_api_token(tx, token, datetime.now(UTC))
        assert found
        assert found.role == "viewer"
    assert "already" in run("token", "create", "--name", "ci", "--role", "admin").stderr
    assert "did you mean ci?" in run("token", "revoke", "--name", "cii").stderr
    assert run("token", "revoke", "--name", "ci").stdout == "revoked ci\n"
    with reading(engine) as tx:
        assert auth.find_api_token(tx, token, datetime.now(UTC)) is None
    assert run("token", "create", "--name", " ", "--role", "admin").exit_code == 2


@pytest.mark.slow
def test_explain_tries_an_issue(run: Run, engine: Engine) -> None:
    """Rule by rule why it matches or not; what is unknown is refused in words."""
    with writing(engine) as tx:
        scope = {"scope_external_id": None, "scope_name": "acme/checkout"}
        columns = {"identity": "501#9", "key": "acme/checkout#9", "folded_key": "acme/checkout#9", "title": "Pay"}
        plain = {"connection_id": 1, "state": "todo", "labels": [], "assignees": [], "updated_at": NOW, "url": ""}
        tx.execute(sa.insert(t.issue).values(plain | columns | scope | {"scope_external_id": "501"}))
        tx.execute(sa.update(t.scope).where(t.scope.c.name == "acme/checkout").values(external_id="501"))
    text = run("explain", "--issue", "acme-github:acme/checkout#9").stdout
    assert "rule checkout-label → KR-1: does not match" in text
    assert "no   labels include checkout (it has none)" in text
    assert "yes  scope is acme/checkout (it has acme/checkout)" in text
    report = json.loads(run("explain", "--issue", "acme/checkout#9", "--json").stdout)
    assert [one["slug"] for one in report["rules"]] == ["checkout-label"]
    refused = run("explain", "--issue", "acme/checkout#8")
    assert (refused.exit_code, "is known" in refused.stderr) == (1, True)
    assert run("explain").exit_code == 2
    assert run("explain", "KR-1", "--issue", "acme/checkout#9").exit_code == 2
