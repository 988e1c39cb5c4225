"""The command `rule preview`: what saving a rule would do, of a file or as a change of a rule."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.store import tables as t
from sync_service.store.engine.database import open_database, reading, writing
from tests.cli.conftest import Run

RULE = """
slug: paying
connection: acme-github
key_result: KR-1
when: {all: [{field: title, contains: pay}, {field: state, is: todo}]}
"""


@pytest.fixture
def engine(applied: None, directory: Path) -> Iterator[Engine]:
    """Yield the command's database, with the example's rules, an open issue and a done one."""
    opened = open_database(f"sqlite:///{directory / 'var' / 'okr-sync.db'}")
    with writing(opened) as tx:
        connection = tx.execute(sa.select(t.connection).where(t.connection.c.slug == "acme-github")).one()
        scope = tx.execute(sa.select(t.scope).where(t.scope.c.connection_id == connection.id)).one()
        tx.execute(sa.update(t.scope).where(t.scope.c.id == scope.id).values(external_id="501"))
        for number, state in ((1, "todo"), (2, "done")):
            key = f"acme/checkout#{number}"
            columns: dict[str, Any] = {"connection_id": connection.id, "kind": "issue", "state": state, "title": "Pay"}
            where = {"scope_external_id": "501", "scope_name": scope.name, "scope_id": scope.id, "assignees": []}
            named = {"identity": f"501#{number}", "key": key, "folded_key": key, "labels": ["checkout"]}
            tx.execute(
                sa.insert(t.issue).values(updated_at=datetime(2026, 10, 5, tzinfo=UTC), **columns, **where, **named)
            )
    yield opened
    opened.dispose()


@pytest.fixture
def rule(directory: Path) -> Path:
    """Return a file with a new rule."""
    path = directory / "rule.yaml"
    path.write_text(RULE)
    return path


def test_a_rule_of_a_file_is_previewed(run: Run, engine: Engine, rule: Path) -> None:
    """With what it links and nearly matches, and old and new value of its key result."""
    printed = run("rule", "preview", str(rule)).stdout
    assert "paying: active, acme-github → KR-1" in printed
    assert "1 issue of 2 matches; 1 link made, 0 removed" in printed
    assert "+ acme/checkout#1  Pay" in printed
    assert "acme/checkout#2  Pay  not: state is todo" in printed
    assert "the line of KR-1" not in printed
    assert "the line of KR-1" in run("rules", "preview", str(rule), "--lines").stdout
    assert run("rule", "show", "paying").exit_code == 1


def test_a_change_of_a_rule_is_previewed_as_json(run: Run, engine: Engine) -> None:
    """What is not named stays; the form is that of the API."""
    condition = "{field: labels, has: chekout}"
    answer = run("rule", "preview", "--rule", "checkout-label", "--when", condition, "--state", "proposing", "--json")
    (found,) = json.loads(answer.stdout)["items"]
    assert (found["rule"]["key_result"], found["rule"]["state"]) == ("KR-1", "proposing")
    assert [one["value"] for one in found["unknown_values"]] == ["chekout"]
    assert found["unknown_values"][0]["nearest"] == [{"value": "checkout", "issues": 2}]
    assert found["lines"] == []


def test_all_rules_of_a_configuration_are_previewed(run: Run, engine: Engine, rule: Path) -> None:
    """Each by itself; one with a query, which only the tracker can evaluate, is left out."""
    listed = [f"  - {line}" if line.startswith("slug") else f"    {line}" for line in RULE.strip().splitlines()]
    query = "  - {slug: asked, connection: acme-github, key_result: KR-1, query: 'repo:acme/checkout is:issue'}"
    rule.write_text("\n".join(["rules:", *listed, query]))
    printed = run("rule", "preview", str(rule)).stdout
    assert "paying: active" in printed
    assert "asked" not in printed


@pytest.mark.parametrize(
    ("wrong", "line", "words"),
    [
        ("field: titel", 5, "did you mean title?"),
        ("key_result: KR1", 4, "did you mean KR-1?"),
        ("colour: red", 6, "the unknown field 'colour'"),
        ("query: 'repo:a'", 6, "only its tracker can evaluate it"),
        ("state: actve", 6, "'active'"),
    ],
)
def test_a_mistake_is_named_with_its_line(
    run: Run, engine: Engine, rule: Path, wrong: str, line: int, words: str
) -> None:
    """With the nearest names."""
    written = {"field: titel": "field: title", "key_result: KR1": "key_result: KR-1"}
    rule.write_text(RULE.replace(written[wrong], wrong) if wrong in written else f"{RULE}{wrong}\n")
    answer = run("rule", "preview", str(rule))
    assert answer.exit_code == 1
    assert f"rule.yaml:{line}: " in answer.stderr
    assert words in answer.stderr


def test_a_rule_toward_a_closed_cycle_is_refused(run: Run, engine: Engine, rule: Path) -> None:
    """Its numbers are final."""
    with writing(engine) as tx:
        past = {"starts_at": datetime(2020, 1, 1, tzinfo=UTC), "ends_at": datetime(2020, 4, 1, tzinfo=UTC)}
        tx.execute(sa.update(t.cycle).values(past))
    assert "the numbers of KR-1 are final" in run("rule", "preview", str(rule)).stderr
    changed = run("rule", "preview", "--rule", "checkout-label", "--state", "proposing")
    assert (changed.exit_code, "the numbers of KR-1 are final" in changed.stderr) == (1, True)


def test_an_unknown_rule_is_named_with_the_nearest(run: Run, engine: Engine) -> None:
    """Nothing is previewed; and one way to name a rule is needed."""
    unknown = run("rule", "preview", "--rule", "chekout-label")
    assert (unknown.exit_code, "did you mean checkout-label?" in unknown.stderr) == (1, True)
    assert run("rule", "preview").exit_code == 2


def test_nothing_is_saved(run: Run, engine: Engine, rule: Path) -> None:
    """No row of any table differs."""

    def rows() -> list[str]:
        with reading(engine) as tx:
            return [repr(sorted(map(repr, tx.execute(sa.select(one))))) for one in t.metadata.sorted_tables]

    before = rows()
    assert run("rule", "preview", str(rule), "--lines").exit_code == 0
    assert rows() == before
