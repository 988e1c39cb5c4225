"""The command doctor: findings about settings, connections and work, and their output."""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from redis.exceptions import RedisError

from simulator import GitHub
from sync_service.cli.doctor import machine, work
from sync_service.cli.doctor.sections import Section, run_sections
from sync_service.domain import listing
from sync_service.domain.trackers.diagnostics import Finding
from sync_service.runtime.instance_lock import ProcessView
from sync_service.store import tables as t
from sync_service.store.engine.database import database_now, open_database, writing
from sync_service.store.trackers import inbox
from sync_service.store.views.service_status import Backlog
from tests.cli.conftest import Run
from tests.cli.found_findings import parse_findings
from tests.support.config_file import github, okrs


@pytest.fixture
def hub() -> Iterator[GitHub]:
    """Yield a GitHub with a repository."""
    with GitHub("acme", background=False) as made:
        made.repository("checkout")
        yield made


@pytest.fixture
def connected(run: Run, directory: Path, hub: GitHub, either_database: None) -> None:
    """Apply two connections: one with a token, and one without owner and credentials."""
    paper = {
        "slug": "paper",
        "kind": "jira",
        "site": "https://jira.example.com",
        "scopes": ["SHOP"],
        "earlier": "ignore",
    }
    (directory / "gh.yaml").write_bytes(okrs(github(hub, webhook_secrets=["hush-hush-hush"]), paper))
    assert run("migrate").exit_code == 0
    assert run("apply", "gh.yaml").exit_code == 0


@pytest.mark.slow
@pytest.mark.both_databases
@pytest.mark.usefixtures("connected")
def test_doctor_checks_everything_and_errors_give_exit_code_1(run: Run, hub: GitHub) -> None:
    """The text output also says how to fix an error. Neither text nor JSON shows a secret."""
    result = run("doctor")
    assert result.exit_code == 1
    text = result.stdout
    assert "  ✓ database: answers, and has this version's schema\n" in text
    assert (
        "  ✗ webhooks: no secret is set, so no delivery can be accepted\n      give the connection webhook_secrets"
        in text
    )
    assert "  ✓ acme/checkout: can be seen\n" in text
    printed = run("doctor", "--json")
    found = parse_findings(printed)
    assert list(found) == ["settings", "database", "Redis", "mail", "work", "connection gh", "connection paper"]
    assert json.loads(printed.stdout)["well"] is False
    assert found["connection gh"]["credentials"]["says"].startswith("accepted: ")
    assert found["connection gh"]["webhooks"]["says"] == "no delivery was ever received"
    assert found["connection gh"]["webhook of acme/checkout"]["well"] is False
    assert (found["connection paper"]["owner"]["well"], found["connection paper"]["credentials"]["well"]) == (
        None,
        None,
    )
    assert found["connection paper"]["SHOP"]["says"] == "no delivery from it yet"
    for secret in (hub.token, "hush-hush-hush"):
        assert secret not in text + printed.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("connected")
def test_doctor_reports_a_new_name_and_another_repository_with_the_old_one(
    run: Run, directory: Path, hub: GitHub
) -> None:
    """What is configured is watched by its id, so the other one is ignored."""
    engine = open_database(os.environ.get("DATABASE_URL") or f"sqlite:///{directory / 'var' / 'okr-sync.db'}")
    checkout = hub.find("acme", "checkout")
    assert checkout is not None
    values = {"external_id": str(checkout.id), "current_name": "acme/checkout-old"}
    with writing(engine) as tx:
        tx.execute(sa.update(t.scope).where(t.scope.c.name == "acme/checkout").values(values))
    engine.dispose()
    checkout.rename("checkout-old")
    found = parse_findings(run("doctor", "--json", "gh"))["connection gh"]["acme/checkout"]
    assert (found["well"], found["says"]) == (None, "its name is acme/checkout-old now")
    hub.repository("checkout")
    found = parse_findings(run("doctor", "--json", "gh"))["connection gh"]["acme/checkout"]
    assert found["well"] is False
    assert found["says"] == (
        "another one has this name now, and is ignored; the watched one is called acme/checkout-old"
    )


@pytest.mark.slow
@pytest.mark.usefixtures("connected")
def test_doctor_can_check_one_connection(run: Run) -> None:
    """An unknown name is a usage error."""
    assert "connection paper" not in parse_findings(run("doctor", "gh", "--json"))
    result = run("doctor", "ghh")
    assert result.exit_code == 2
    assert "gh" in result.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("applied")
def test_doctor_reports_the_stored_state_of_a_connection(
    run: Run, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of a refusal, scopes that are deleted or not imported, lists that do not end, and the last delivery."""
    monkeypatch.setattr("connectors.github.GitHub.check_connection", lambda *_, **__: iter(()))
    engine = open_database(f"sqlite:///{directory / 'var' / 'okr-sync.db'}")
    with writing(engine) as tx:
        now = database_now(tx)
        refused = {"refused_at": now - timedelta(days=3), "refused_reason": "Bad credentials"}
        tx.execute(sa.update(t.connection).where(t.connection.c.slug == "acme-github").values(refused))
        row = {"connection_id": 1, "headers": {}, "body": b"", "delivery_id": "d"}
        tx.execute(sa.insert(t.delivery).values(row | {"received_at": now - timedelta(hours=3)}))
    found = parse_findings(run("doctor", "--json", "acme-github"))["connection acme-github"]
    assert found["connection"]["says"].startswith("refused since 3 days ago (")
    assert found["connection"]["says"].endswith(": Bad credentials")
    assert found["webhooks"]["says"].startswith("last delivery 3 h ago")
    assert found["acme/checkout"]["says"].startswith("is not imported yet")
    with writing(engine) as tx:
        scope_id = tx.scalar(sa.select(t.scope.c.id))
        endless = {"connection_id": 1, "scope_id": scope_id, "stopped_reason": listing.REPEATED}
        tx.execute(sa.delete(t.poll))
        tx.execute(sa.insert(t.poll).values(endless | {"due_at": now}))
        task = {"connection_id": 1, "name": "redeliver", "problem": listing.EMPTY, "due_at": now}
        tx.execute(sa.insert(t.scheduled_task).values(task))
    output = run("doctor", "acme-github").stdout
    assert (
        f"✗ acme/checkout: the last poll stopped: {listing.REPEATED}\n      it is tried again automatically" in output
    )
    assert f"redeliver: {listing.EMPTY}" in output
    inbox.count_rejected(engine, 1, count=3, at=now - timedelta(hours=2))
    found = parse_findings(run("doctor", "--json", "acme-github"))["connection acme-github"]["signatures"]
    assert (found["well"], found["says"][:44]) == (None, "3 deliveries rejected for a wrong or missing")
    with writing(engine) as tx:
        tx.execute(sa.delete(t.delivery))
    assert (
        parse_findings(run("doctor", "--json", "acme-github"))["connection acme-github"]["signatures"]["well"] is False
    )
    with writing(engine) as tx:
        tx.execute(sa.update(t.scope).values(gone_reason="the repository was deleted", external_id="7"))
        tx.execute(sa.delete(t.rule))
    found = parse_findings(run("doctor", "--json", "acme-github"))["connection acme-github"]
    assert (found["acme/checkout"]["well"], found["acme/checkout"]["says"]) == (False, "the repository was deleted")
    with writing(engine) as tx:
        tx.execute(sa.delete(t.scope))
        tx.execute(sa.update(t.connection).values(kind="paper"))
    found = parse_findings(run("doctor", "--json", "acme-github"))["connection acme-github"]
    assert found["scopes"]["says"] == "it watches no scope"
    assert found["kind"]["says"] == "no connector of kind paper is installed"
    engine.dispose()


def test_doctor_creates_nothing_before_the_first_start(run: Run, directory: Path) -> None:
    """The missing database is a finding."""
    result = run("doctor", "--json")
    found = parse_findings(result)
    assert result.exit_code == 1
    assert found["database"]["database"]["mend"] == "run okr-sync up, or okr-sync migrate"
    assert found["settings"]["data directory"]["well"] is None
    assert list(found) == ["settings", "database", "Redis", "mail"]
    assert not (directory / "var").exists()


def test_invalid_settings_are_findings(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each says what is allowed."""
    monkeypatch.setenv("PORT", "eighty")
    result = run("doctor")
    assert result.exit_code == 1
    assert "✗ settings: PORT is 'eighty'" in result.stdout


@pytest.mark.usefixtures("applied")
def test_a_lost_key_is_reported_and_no_new_one_is_created(run: Run, directory: Path) -> None:
    """A new key could not decrypt anything."""
    (directory / "var" / "secret-key").unlink()
    found = parse_findings(run("doctor", "--json"))
    assert "backup" in found["connections"]["secret key"]["mend"]
    assert not (directory / "var" / "secret-key").exists()


@pytest.mark.usefixtures("applied")
def test_a_wrong_key_is_reported(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection has the finding."""
    monkeypatch.setenv("OKR_SYNC_SECRET_KEY", "another" * 6)
    result = run("doctor", "--json")
    assert parse_findings(result)["connection acme-github"]["check"]["well"] is False


def test_ascii_marks_are_used_without_unicode(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal may support only ASCII."""
    monkeypatch.setattr("sync_service.cli.doctor.command._can_write", lambda _: False)
    text = run("doctor").stdout
    assert "  x database: " in text
    assert "✗" not in text


@pytest.mark.slow
def test_files_that_others_can_read_are_reported(run: Run, directory: Path) -> None:
    """The data directory, the key, and the database in it."""
    assert run("migrate").exit_code == 0
    var = directory / "var"
    (var / "secret-key").write_text("k" * 40)
    for file, mode in ((var, 0o755), (var / "secret-key", 0o644), (var / "okr-sync.db", 0o644)):
        file.chmod(mode)
    found = parse_findings(run("doctor", "--json"))
    assert found["settings"]["data directory"]["mend"] == f"chmod 700 {var}"
    assert found["settings"]["secret key"]["mend"].startswith("chmod 600")
    assert found["database"]["database file"]["well"] is False


@pytest.mark.parametrize(
    ("url", "well", "says"),
    [
        ("https://okr.example.com", True, "https://okr.example.com"),
        ("http://okr.example.com", None, "not encrypted"),
        ("http://10.1.2.3", None, "private network"),
        ("http://localhost:8080", None, "only on this machine"),
    ],
)
def test_the_base_url_is_checked(run: Run, monkeypatch: pytest.MonkeyPatch, url: str, well: Any, says: str) -> None:
    """Trackers and people must be able to reach it."""
    monkeypatch.setenv("OKR_SYNC_BASE_URL", url)
    found = parse_findings(run("doctor", "--json"))["settings"]["address"]
    assert found["well"] is well
    assert says in found["says"]


@pytest.mark.slow
@pytest.mark.parametrize(("free", "well"), [(2 * 2**30, True), (2**29, None), (2**20, False)])
def test_a_nearly_full_disk_is_reported(run: Run, monkeypatch: pytest.MonkeyPatch, free: int, well: Any) -> None:
    """The warning comes before deliveries can't be stored."""
    run("migrate")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": free}))
    assert parse_findings(run("doctor", "--json"))["database"]["disk"]["well"] is well


def test_findings_before_a_timeout_are_kept() -> None:
    """An error in one section does not hide another section."""
    gate = threading.Event()

    def hangs() -> Iterator[Finding]:
        yield Finding(what="first", well=True, says="well")
        gate.wait()

    def fails() -> Iterator[Finding]:
        yield Finding(what="first", well=True, says="well")
        raise RedisError("broken\nsecond line")

    slow, broken = run_sections([Section("slow", hangs, 0.1), Section("broken", fails, 10)])
    gate.set()
    assert [one.what for one in slow[1]] == ["first", "check"]
    assert [one.says for one in broken[1]] == ["well", "failed: RedisError: broken"]


def process(name: str, pid: int | None, deaths: int = 0) -> ProcessView:
    """Return the view of a process of `up`."""
    return ProcessView(name=name, pid=pid, since=None, starts_at=None, deaths=deaths, code=None, reason="")


@pytest.mark.parametrize(
    ("processes", "expected"),
    [
        (None, [("clock", None)]),
        ([process("clock", 7), process("web", 8)], [("clock", True)]),
        ([process("clock", None, deaths=3), process("worker 1", None)], [("clock", False), ("worker 1", False)]),
    ],
)
def test_stopped_processes_are_reported(processes: Sequence[ProcessView] | None, expected: list[Any]) -> None:
    """Without a status file of `up` the state is unknown."""
    assert [(one.what, one.well) for one in work._clock(processes)] == expected


@pytest.mark.parametrize(("lag", "well"), [(5.0, True), (90.0, None), (900.0, False)])
def test_late_rows_are_reported(lag: float, well: Any) -> None:
    """The lag decides whether it is a warning or an error."""
    rows = [Backlog(table="delivery", due=3, lag_seconds=lag, later=0, buried=0)]
    (one,) = work._late(rows)
    assert one.well is well


def test_buried_rows_are_reported() -> None:
    """They wait until a person replays them."""
    (one,) = work._buried([Backlog(table="fetch_request", due=0, lag_seconds=0, later=0, buried=2)])
    assert (one.well, one.says) == (False, "2 of fetch_request")


def test_a_host_name_counts_as_public() -> None:
    """Only IP addresses can be checked."""
    assert machine._is_private("192.168.1.2")
    assert not machine._is_private("okr.example.com")
