"""doctor: what it finds of settings, connections and work, and how it says it."""

import json
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
from sync_service.domain.trackers.diagnostics import Finding
from sync_service.runtime.instance_lock import ProcessView
from sync_service.store import tables as t
from sync_service.store.engine.database import database_now, open_database, writing
from sync_service.store.trackers import inbox
from sync_service.store.views.service_status import Backlog
from tests.cli.conftest import Run
from tests.cli.found_findings import form
from tests.support.config_file import github, okrs


@pytest.fixture
def hub() -> Iterator[GitHub]:
    """Give a GitHub with a repository."""
    with GitHub("acme", background=False) as made:
        made.repository("checkout")
        yield made


@pytest.fixture
def connected(run: Run, directory: Path, hub: GitHub, either_database: None) -> None:
    """Apply a connection with a token, and one that nobody owns, without anything."""
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


@pytest.mark.both_databases
@pytest.mark.usefixtures("connected")
def test_everything_is_looked_at_and_what_is_wrong_ends_with_1(run: Run, hub: GitHub) -> None:
    """In words, with how to mend beneath, and as JSON; no secret is in either."""
    result = run("doctor")
    assert result.exit_code == 1
    said = result.stdout
    assert "  ✓ database: answers, and has this version's schema\n" in said
    assert (
        "  ✗ webhooks: no secret is set, so no delivery can be accepted\n      give the connection webhook_secrets"
        in said
    )
    assert "  ✓ acme/checkout: can be seen\n" in said
    told = run("doctor", "--json")
    found = form(told)
    assert list(found) == ["settings", "database", "Redis", "mail", "work", "connection gh", "connection paper"]
    assert json.loads(told.stdout)["well"] is False
    assert found["connection gh"]["credentials"]["says"].startswith("accepted: ")
    assert found["connection gh"]["webhooks"]["says"] == "no delivery was ever received"
    assert found["connection gh"]["webhook of acme/checkout"]["well"] is False
    assert (found["connection paper"]["owner"]["well"], found["connection paper"]["credentials"]["well"]) == (
        None,
        None,
    )
    assert found["connection paper"]["SHOP"]["says"] == "no delivery from it yet"
    for secret in (hub.token, "hush-hush-hush"):
        assert secret not in said + told.stdout


@pytest.mark.usefixtures("connected")
def test_one_connection_is_looked_at_by_its_name(run: Run) -> None:
    """A name that is none is wrong usage."""
    assert "connection paper" not in form(run("doctor", "gh", "--json"))
    result = run("doctor", "ghh")
    assert result.exit_code == 2
    assert "gh" in result.stderr


@pytest.mark.usefixtures("applied")
def test_what_is_held_of_a_connection_is_told(run: Run, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused since when, scopes that are gone or not imported, and the last delivery."""
    monkeypatch.setattr("connectors.github.GitHub.check_connection", lambda *_, **__: iter(()))
    engine = open_database(f"sqlite:///{directory / 'var' / 'okr-sync.db'}")
    with writing(engine) as tx:
        now = database_now(tx)
        refused = {"refused_at": now - timedelta(days=3), "refused_reason": "Bad credentials"}
        tx.execute(sa.update(t.connection).where(t.connection.c.slug == "acme-github").values(refused))
        row = {"connection_id": 1, "headers": {}, "body": b"", "delivery_id": "d"}
        tx.execute(sa.insert(t.delivery).values(row | {"received_at": now - timedelta(hours=3)}))
    found = form(run("doctor", "--json", "acme-github"))["connection acme-github"]
    assert found["connection"]["says"].startswith("refused since 3 days ago (")
    assert found["connection"]["says"].endswith(": Bad credentials")
    assert found["webhooks"]["says"].startswith("last delivery 3 h ago")
    assert found["acme/checkout"]["says"].startswith("is not imported yet")
    inbox.count_rejected(engine, 1, count=3, at=now - timedelta(hours=2))
    found = form(run("doctor", "--json", "acme-github"))["connection acme-github"]["signatures"]
    assert (found["well"], found["says"][:44]) == (None, "3 deliveries rejected for a wrong or missing")
    with writing(engine) as tx:
        tx.execute(sa.delete(t.delivery))
    assert form(run("doctor", "--json", "acme-github"))["connection acme-github"]["signatures"]["well"] is False
    with writing(engine) as tx:
        tx.execute(sa.update(t.scope).values(gone_reason="the repository was deleted", external_id="7"))
        tx.execute(sa.delete(t.rule))
    found = form(run("doctor", "--json", "acme-github"))["connection acme-github"]
    assert (found["acme/checkout"]["well"], found["acme/checkout"]["says"]) == (False, "the repository was deleted")
    with writing(engine) as tx:
        tx.execute(sa.delete(t.scope))
        tx.execute(sa.update(t.connection).values(kind="paper"))
    found = form(run("doctor", "--json", "acme-github"))["connection acme-github"]
    assert found["scopes"]["says"] == "it watches no scope"
    assert found["kind"]["says"] == "no connector of kind paper is installed"
    engine.dispose()


def test_before_the_first_start_nothing_is_made(run: Run, directory: Path) -> None:
    """There is no database, which is what is wrong."""
    result = run("doctor", "--json")
    found = form(result)
    assert result.exit_code == 1
    assert found["database"]["database"]["mend"] == "run okr-sync up, or okr-sync migrate"
    assert found["settings"]["data directory"]["well"] is None
    assert list(found) == ["settings", "database", "Redis", "mail"]
    assert not (directory / "var").exists()


def test_wrong_settings_are_findings(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with what is allowed."""
    monkeypatch.setenv("PORT", "eighty")
    result = run("doctor")
    assert result.exit_code == 1
    assert "✗ settings: PORT is 'eighty'" in result.stdout


@pytest.mark.usefixtures("applied")
def test_a_lost_key_is_told_and_no_new_one_is_made(run: Run, directory: Path) -> None:
    """A new one would open nothing."""
    (directory / "var" / "secret-key").unlink()
    found = form(run("doctor", "--json"))
    assert "backup" in found["connections"]["secret key"]["mend"]
    assert not (directory / "var" / "secret-key").exists()


@pytest.mark.usefixtures("applied")
def test_a_key_that_opens_nothing_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """By each connection."""
    monkeypatch.setenv("OKR_SYNC_SECRET_KEY", "another" * 6)
    result = run("doctor", "--json")
    assert form(result)["connection acme-github"]["check"]["well"] is False


def test_without_letters_for_marks_ascii_is_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal may know nothing else."""
    monkeypatch.setattr("sync_service.cli.doctor.command._can_write", lambda _: False)
    said = run("doctor").stdout
    assert "  x database: " in said
    assert "✗" not in said


def test_files_that_are_open_to_others_are_told(run: Run, directory: Path) -> None:
    """The data directory, the key, and the database in it."""
    assert run("migrate").exit_code == 0
    var = directory / "var"
    (var / "secret-key").write_text("k" * 40)
    for file, mode in ((var, 0o755), (var / "secret-key", 0o644), (var / "okr-sync.db", 0o644)):
        file.chmod(mode)
    found = form(run("doctor", "--json"))
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
def test_our_address_is_judged(run: Run, monkeypatch: pytest.MonkeyPatch, url: str, well: Any, says: str) -> None:
    """Where trackers and people may reach it."""
    monkeypatch.setenv("OKR_SYNC_BASE_URL", url)
    found = form(run("doctor", "--json"))["settings"]["address"]
    assert found["well"] is well
    assert says in found["says"]


@pytest.mark.parametrize(("free", "well"), [(2 * 2**30, True), (2**29, None), (2**20, False)])
def test_a_disk_that_fills_is_told(run: Run, monkeypatch: pytest.MonkeyPatch, free: int, well: Any) -> None:
    """Before deliveries can't be kept."""
    run("migrate")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": free}))
    assert form(run("doctor", "--json"))["database"]["disk"]["well"] is well


def test_what_was_found_before_time_was_up_stands() -> None:
    """And what fails in one section hides none of another."""
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


def bucket_for(name: str, pid: int | None, deaths: int = 0) -> ProcessView:
    """Give a part of an `up`."""
    return ProcessView(name=name, pid=pid, since=None, starts_at=None, deaths=deaths, code=None, reason="")


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (None, [("clock", None)]),
        ([bucket_for("clock", 7), bucket_for("web", 8)], [("clock", True)]),
        ([bucket_for("clock", None, deaths=3), bucket_for("worker 1", None)], [("clock", False), ("worker 1", False)]),
    ],
)
def test_parts_that_do_not_run_are_told(parts: Sequence[ProcessView] | None, told: list[Any]) -> None:
    """Where it can be told."""
    assert [(one.what, one.well) for one in work._clock(parts)] == told


@pytest.mark.parametrize(("lag", "well"), [(5.0, True), (90.0, None), (900.0, False)])
def test_rows_that_are_late_are_told(lag: float, well: Any) -> None:
    """From when on somebody should look."""
    rows = [Backlog(table="delivery", due=3, lag_seconds=lag, later=0, buried=0)]
    (one,) = work._late(rows)
    assert one.well is well


def test_buried_rows_are_told() -> None:
    """They wait for somebody."""
    (one,) = work._buried([Backlog(table="fetch_request", due=0, lag_seconds=0, later=0, buried=2)])
    assert (one.well, one.says) == (False, "2 of fetch_request")


def test_a_name_is_in_no_private_network() -> None:
    """Only addresses can be judged."""
    assert machine._is_private("192.168.1.2")
    assert not machine._is_private("okr.example.com")
