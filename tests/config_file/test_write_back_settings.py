"""Writing back is switched on and off by the file, for connections that can do it."""

import dataclasses

import sqlalchemy as sa

from connectors.jira import Jira
from connectors.registry import load_connectors
from sync_service.config_file.plan.export import as_yaml, export_state
from sync_service.config_file.read.state import read_state
from sync_service.store import tables
from sync_service.store.engine.database import reading
from tests.config_file.conftest import Desk
from tests.config_file.files import EXAMPLE, replace

TOKEN = "    token: env:GITHUB_TOKEN\n"
ON = replace(EXAMPLE, (TOKEN, f"{TOKEN}    write_back: true\n"))


def marks(desk: Desk) -> list[tuple[bool, str | None]]:
    """Give what connections have, GitHub's first."""
    c = tables.connection.c
    with reading(desk.engine) as tx:
        return [(row.write_back, row.owner_marker) for row in tx.execute(sa.select(tables.connection).order_by(c.slug))]


def test_a_connection_that_is_switched_on_gets_a_mark_which_stays(desk: Desk) -> None:
    """So that what was written before is known again; the round over its issues is due."""
    desk.apply(EXAMPLE)
    assert marks(desk)[0] == (False, None)
    lines = desk.apply(ON).lines()
    assert lines[0] == "~ connection acme-github: write_back false → true"
    on, mark = marks(desk)[0]
    assert (on, len(mark or "")) == (True, 32)
    with reading(desk.engine) as tx:
        assert "write_back: true" in as_yaml(export_state(read_state(tx, desk.sealer)))
        (round_,) = tx.execute(sa.select(tables.write_back_round)).all()
        assert round_.due_at is not None
    desk.apply(EXAMPLE)
    desk.apply(ON)
    assert marks(desk)[0] == (True, mark)


def test_what_is_off_is_not_exported(desk: Desk) -> None:
    """As all that is left out."""
    desk.apply(EXAMPLE)
    with reading(desk.engine) as tx:
        assert "write_back" not in as_yaml(export_state(read_state(tx, desk.sealer)))


class Mute(Jira):
    """A connector of a tracker that can't be written to."""

    write = None  # type: ignore[assignment]  # what is none counts as lacking


def test_writing_takes_credentials_and_a_tracker_that_can_be_written_to(desk: Desk) -> None:
    """Else it is a mistake."""
    bare = replace(EXAMPLE, (TOKEN, "    write_back: true\n"))
    assert any("write_back: found true without a token or an app" in str(one) for one in desk.errors(bare))
    jira = replace(
        EXAMPLE, ("    token: env:JIRA_API_TOKEN\n", "    token: env:JIRA_API_TOKEN\n    write_back: true\n")
    )
    desk.applying = dataclasses.replace(desk.applying, connectors={**load_connectors(), "jira": Mute()})
    assert any("write_back: found true, which Jira does not support yet" in str(one) for one in desk.errors(jira))
    desk.applying = dataclasses.replace(desk.applying, connectors=load_connectors())
    desk.apply(jira)
    assert [on for on, _ in marks(desk)] == [False, True]
