"""GitHub App credentials of a connection: valid input, what is stored, and what is shown."""

from collections.abc import Callable
from fnmatch import fnmatch

import pytest
import sqlalchemy as sa
import yaml
from jsonschema import Draft202012Validator

from connectors.registry import load_connectors
from sync_service.config_file.plan.export import as_yaml, export_state
from sync_service.config_file.read.json_schema import schema
from sync_service.config_file.read.state import read_state
from sync_service.store import tables
from sync_service.store.engine.database import reading
from sync_service.store.okrs.ruleset import load_ruleset
from sync_service.store.trackers.connections import Connections
from tests.config_file.conftest import ConfigHarness
from tests.config_file.files import EXAMPLE, replace

MakeHarness = Callable[[], ConfigHarness]

IS_GITHUB = tables.connection.c.slug == "acme-github"
TOKEN = "    token: env:GITHUB_TOKEN\n"


def with_app(written: str) -> str:
    """Return the example with an app instead of GitHub's token."""
    return replace(EXAMPLE, (TOKEN, f"    app: {written}\n"))


APPED = with_app('{id: 1204001, private_key: "the private key"}')


def export(harness: ConfigHarness) -> str:
    """Return the stored configuration as a file."""
    with reading(harness.engine) as tx:
        return as_yaml(export_state(read_state(tx, harness.sealer)))


def connection(text: str) -> dict[str, object]:
    """Return GitHub's connection of a file."""
    found: dict[str, object] = yaml.safe_load(text)["connections"][0]
    return found


def test_an_app_is_stored_encrypted_and_counts_as_credentials(harness: ConfigHarness) -> None:
    """The connection can fetch and makes calls with the app; no token is stored."""
    harness.apply(EXAMPLE)
    lines = harness.apply(APPED).lines()
    assert lines[0] == "~ connection acme-github: token removed, app set"
    row = harness.rows(sa.select(tables.connection.c.id, tables.connection.c.sealed_app_key).where(IS_GITHUB))[0]
    assert "the private key" not in str(row[1])
    view = Connections(engine=harness.engine, sealer=harness.sealer).of(row[0]).view
    assert (view.token, view.has_credentials) == (None, True)
    assert view.app is not None
    assert (view.app.id, view.app.private_key) == ("1204001", "the private key")
    assert "the private key" not in repr(view)
    assert "the private key" not in repr(view.app)
    with reading(harness.engine) as tx:
        assert load_ruleset(tx, 1).trackers[row[0]].can_fetch
    assert harness.apply(APPED).lines() == ["nothing to change"]


def test_the_scopes_of_an_app_are_polled(sqlite_harness: MakeHarness) -> None:
    """An app can poll as well as a token."""
    harness = sqlite_harness()
    harness.apply(APPED)
    polled = sa.select(tables.scope.c.name).join(tables.poll, tables.poll.c.scope_id == tables.scope.c.id)
    assert ("acme/checkout",) in harness.rows(polled)


@pytest.mark.slow
def test_an_export_hides_the_key_and_shows_the_id(harness: ConfigHarness) -> None:
    """A numeric id is exported as a number. Applying the export changes nothing."""
    for id_ in ("1204001", "Iv23liAbc", "007"):
        harness.apply(replace(APPED, ("1204001", f'"{id_}"')))
        written = export(harness)
        assert connection(written)["app"] == {
            "id": int(id_) if id_ == "1204001" else id_,
            "private_key": "kept",
        }
        assert harness.apply(written, prune=True).lines() == ["nothing to change"]
    assert "private key" not in written


def test_a_new_key_or_app_clears_a_refusal(sqlite_harness: MakeHarness) -> None:
    """A new token does the same."""
    harness = sqlite_harness()
    harness.apply(APPED)
    refused = sa.select(tables.connection.c.refused_reason).where(IS_GITHUB)
    with harness.engine.begin() as tx:
        tx.execute(sa.update(tables.connection).values(refused_reason="no"))
    harness.apply(APPED)
    assert harness.rows(refused) == [("no",)]
    harness.apply(replace(APPED, ("the private key", "another key")))
    assert harness.rows(refused) == [(None,)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            replace(EXAMPLE, (TOKEN, TOKEN + "    app: {id: 7, private_key: k}\n")),
            "15: connections[0].app: found both token and app; allowed: one of token and app, or neither",
        ),
        (with_app("{id: 7}"), "14: connections[0].app.private_key: found nothing; allowed: the app's private key*"),
        (with_app("{private_key: k}"), "14: connections[0].app.id: found nothing; allowed: the app's client id*"),
        (
            with_app("{id: 7, private_key: k, key: k}"),
            "14: connections[0].app.key: found the unknown field 'key'; allowed: id, private_key*",
        ),
        (with_app("{id: [7], private_key: k}"), "14: connections[0].app.id: found a value that does not fit*client*"),
        (with_app("{id: true, private_key: k}"), "14: connections[0].app.id: found a value that does not fit*client*"),
        (with_app("{id: a b, private_key: k}"), "14: connections[0].app.id: found a value that does not fit*client*"),
        (with_app("the whole secret"), "14: connections[0].app: found a value that does not fit; allowed: a GitHub*"),
        (with_app("{id: 7, private_key: [k]}"), "14: connections[0].app.private_key: found a value that does not fit*"),
        (
            with_app("{id: 7, private_key: env:NOPE}"),
            "14: connections[0].app.private_key: found env:NOPE, which is not set or empty; allowed: NOPE set*",
        ),
        (
            with_app("{id: 7, private_key: kept}"),
            "14: connections[0].app.private_key: found kept; allowed: kept only if a private key is already stored",
        ),
        (
            replace(EXAMPLE, ("    token: env:JIRA_API_TOKEN\n", "    app: {id: 7, private_key: k}\n")),
            "23: connections[1].app: found the unknown field 'app'; allowed: *",
        ),
    ],
)
def test_an_app_error_has_its_position_and_what_is_allowed(
    sqlite_harness: MakeHarness, text: str, expected: str
) -> None:
    """It shows no secret."""
    errors = [str(one) for one in sqlite_harness().errors(text)]
    assert any(fnmatch(one, f"one.yaml:{expected.replace('[', '[[]')}") for one in errors), errors
    assert "the whole secret" not in "\n".join(errors)


def test_the_schema_allows_apps() -> None:
    """For GitHub alone, and never together with a token."""
    validator = Draft202012Validator(schema(load_connectors().values()))

    def fits(**changes: object) -> bool:
        made = {"slug": "a", "kind": "github", "earlier": "ignore", **changes}
        return validator.is_valid({"connections": [made]})

    assert fits(app={"id": 7, "private_key": "k"})
    assert fits(app={"id": "Iv23li", "private_key": "kept"})
    assert not fits(app={"id": 7, "private_key": "k"}, token="t")
    assert not fits(app={"id": 7})
    assert not fits(app={"id": 7, "private_key": "k"}, kind="jira", site="https://acme.atlassian.net")
