"""Write-back settings: the file switches write-back on and off for connections that support it."""

import dataclasses

import sqlalchemy as sa

from connectors.jira import Jira
from connectors.registry import load_connectors
from sync_service.config_file.plan.export import as_yaml, export_state
from sync_service.config_file.read.state import read_state
from sync_service.store import tables
from sync_service.store.engine.database import reading
from tests.config_file.conftest import ConfigHarness
from tests.config_file.files import EXAMPLE, replace

TOKEN = "    token: env:GITHUB_TOKEN\n"
ON = replace(EXAMPLE, (TOKEN, f"{TOKEN}    write_back: true\n"))


def write_back_rows(harness: ConfigHarness) -> list[tuple[bool, str | None]]:
    """Return the write-back state of the connections, GitHub's first."""
    c = tables.connection.c
    with reading(harness.engine) as tx:
        return [(row.write_back, row.owner_marker) for row in tx.execute(sa.select(tables.connection).order_by(c.slug))]


def test_switching_on_creates_a_marker_that_stays(harness: ConfigHarness) -> None:
    """The marker finds earlier write-backs again. The round over the issues is due."""
    harness.apply(EXAMPLE)
    assert write_back_rows(harness)[0] == (False, None)
    lines = harness.apply(ON).lines()
    assert lines[0] == "~ connection acme-github: write_back false → true"
    on, mark = write_back_rows(harness)[0]
    assert (on, len(mark or "")) == (True, 32)
    with reading(harness.engine) as tx:
        assert "write_back: true" in as_yaml(export_state(read_state(tx, harness.sealer)))
        (round_,) = tx.execute(sa.select(tables.write_back_round)).all()
        assert round_.due_at is not None
    harness.apply(EXAMPLE)
    harness.apply(ON)
    assert write_back_rows(harness)[0] == (True, mark)


def test_a_disabled_write_back_is_not_exported(harness: ConfigHarness) -> None:
    """All defaults are left out."""
    harness.apply(EXAMPLE)
    with reading(harness.engine) as tx:
        assert "write_back" not in as_yaml(export_state(read_state(tx, harness.sealer)))


class ReadOnlyConnector(Jira):
    """A connector of a tracker without write-back."""

    write = None  # type: ignore[assignment]  # what is none counts as lacking


def test_write_back_needs_credentials_and_a_tracker_that_supports_it(harness: ConfigHarness) -> None:
    """Otherwise the file has an error."""
    bare = replace(EXAMPLE, (TOKEN, "    write_back: true\n"))
    assert any("write_back: found true without a token or an app" in str(one) for one in harness.errors(bare))
    jira = replace(
        EXAMPLE, ("    token: env:JIRA_API_TOKEN\n", "    token: env:JIRA_API_TOKEN\n    write_back: true\n")
    )
    harness.applier = dataclasses.replace(
        harness.applier, connectors={**load_connectors(), "jira": ReadOnlyConnector()}
    )
    assert any("write_back: found true, which Jira does not support yet" in str(one) for one in harness.errors(jira))
    harness.applier = dataclasses.replace(harness.applier, connectors=load_connectors())
    harness.apply(jira)
    assert [on for on, _ in write_back_rows(harness)] == [False, True]
