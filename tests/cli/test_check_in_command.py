"""The commands check-in and step, and check-ins in explain."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from sync_service.store.engine.database import open_database, writing
from sync_service.store.tables import key_result
from tests.cli.conftest import Run

pytestmark = pytest.mark.slow


@pytest.fixture
def cli(run: Run, applied: None, directory: Path) -> Run:
    """Return the command on a database where KR-1 has steps and KR-2 is manual."""
    engine = open_database(f"sqlite:///{directory / 'var' / 'okr-sync.db'}")
    steps = {"kind": "steps", "steps": [{"name": "Contract signed"}, {"name": "Pilot live"}]}
    with writing(engine) as tx:
        for slug, measure in (("KR-1", steps), ("KR-2", {"kind": "manual"})):
            values = {"measure": measure, "start": 0, "target": 10}
            tx.execute(sa.update(key_result).where(key_result.c.slug == slug).values(values))
    engine.dispose()
    return run


def test_a_check_in_is_explained(cli: Run) -> None:
    """With the latest confidence, in text and JSON; the audit log says who ran the command."""
    done = cli("check-in", "KR-2", "--confidence", "7", "--value", "2,5", "--note", "Survey", "--blockers", "Legal")
    assert (done.exit_code, done.stderr) == (0, "")
    text = cli("explain", "KR-2").stdout
    assert "  confidence 7 of 10. Likely: there are open questions" in text
    assert "2.5, confidence 7, Survey, blockers: Legal, by " in text
    found = json.loads(cli("explain", "KR-2", "--json").stdout)
    assert (found["confidence"], found["check_ins"][0]["value"]) == (7, 2.5)
    assert "checked in on KR-2: confidence 7 of 10" in cli("audit").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["KR-2"], "at least one"),
        (["KR-2", "--confidence", "11"], "0 to 10"),
        (["KR-2", "--value", "many"], "not a number"),
        (["KR-2", "--value", "1000"], "add --yes"),
        (["KR-2", "--value", "3", "--as", "nobody@example.com"], "nobody has the address"),
        (["nothing", "--value", "3"], "there is no key result"),
    ],
)
def test_what_cannot_be_checked_in_is_refused_with_a_reason(cli: Run, words: list[str], message: str) -> None:
    """On standard error, with exit code 1."""
    done = cli("check-in", *words)
    assert done.exit_code == 1
    assert message in done.stderr


def test_an_unlikely_value_is_taken_with_yes(cli: Run) -> None:
    """Without asking."""
    assert cli("check-in", "KR-2", "--value", "1000", "--yes").exit_code == 0


def test_a_check_in_is_corrected_and_withdrawn_by_its_author(cli: Run) -> None:
    """Both stay in explain, which has their ids; a second time, and of nobody's, is refused."""
    assert cli("check-in", "KR-2", "--confidence", "7", "--value", "2").exit_code == 0
    corrected = cli("check-in", "KR-2", "--correct", "1", "--value", "4")
    assert corrected.stdout == "corrected check-in 1 on KR-2 (now check-in 2)\n"
    assert "already corrected or withdrawn" in cli("check-in", "KR-2", "--withdraw", "1").stderr
    assert cli("check-in", "KR-2", "--withdraw", "2").stdout == "withdrew check-in 2 on KR-2\n"
    assert "There is no check-in 9 on KR-2" in cli("check-in", "KR-2", "--withdraw", "9").stderr
    assert "stands alone" in cli("check-in", "KR-2", "--withdraw", "2", "--note", "x").stderr
    lines = [line for line in cli("explain", "KR-2").stdout.splitlines() if "(check-in " in line]
    assert [line.rpartition("  ")[2] for line in lines] == ["(check-in 2)", "(check-in 1)"]
    assert ["withdrawn" in lines[0], "corrected" in lines[1]] == [True, True]


def test_a_withdrawal_never_asks_and_takes_yes_as_other_check_ins_do(cli: Run) -> None:
    """It stays in the list, so there is nothing to confirm; scripts without a terminal add --yes to everything."""
    assert cli("check-in", "KR-2", "--value", "2").exit_code == 0
    assert cli("check-in", "KR-2", "--withdraw", "1", "--yes").stdout == "withdrew check-in 1 on KR-2\n"
    assert "stands alone" in cli("check-in", "KR-2", "--withdraw", "1", "--correct", "1", "--yes").stderr


def test_a_step_needs_to_exist(cli: Run) -> None:
    """The reason says so."""
    done = cli("step", "KR-2", "Contract signed", "done")
    assert done.exit_code == 1
    assert "KR-2 has no step" in done.stderr


def test_a_step_is_marked_by_its_number_or_name(cli: Run) -> None:
    """And open again."""
    assert "KR-1, step 1 (Contract signed): done" in cli("step", "KR-1", "contract signed", "done").stdout
    assert "KR-1, step 1 (Contract signed): open" in cli("step", "KR-1", "1", "open").stdout
    assert "KR-1: step “Contract signed” open again" in cli("audit").stdout
