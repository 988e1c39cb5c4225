"""OAuth app credentials of a connection: valid input, what is stored, and what is shown."""

from collections.abc import Callable
from fnmatch import fnmatch

import pytest
import sqlalchemy as sa
import yaml
from jsonschema import Draft202012Validator

from connectors.registry import load_connectors
from sync_service.config_file.read.json_schema import schema
from sync_service.store import tables
from sync_service.store.trackers.connections import Connections
from tests.config_file.conftest import ConfigHarness
from tests.config_file.files import EXAMPLE, replace
from tests.config_file.test_github_app_settings import export

MakeHarness = Callable[[], ConfigHarness]

IS_JIRA = tables.connection.c.slug == "acme-jira"
TOKEN = "    email: okr-bot@example.com\n    token: env:JIRA_API_TOKEN\n"


def with_oauth(written: str) -> str:
    """Return the example with an OAuth app instead of Jira's token."""
    return replace(EXAMPLE, (TOKEN, f"    oauth: {written}\n"))


GIVEN = with_oauth('{client_id: "IDfor-us", client_secret: "the client secret"}')


@pytest.mark.both_databases
def test_an_oauth_app_is_stored_encrypted_and_makes_no_calls_before_consent(harness: ConfigHarness) -> None:
    """It is a client and has no tokens yet."""
    harness.apply(EXAMPLE)
    lines = harness.apply(GIVEN).lines()
    assert lines[0] == "~ connection acme-jira: options.email 'okr-bot@example.com' → none, token removed, oauth set"
    row = harness.rows(sa.select(tables.connection.c.id, tables.connection.c.sealed_client_secret).where(IS_JIRA))[0]
    assert "the client secret" not in str(row[1])
    view = Connections(engine=harness.engine, sealer=harness.sealer, base_url="http://127.0.0.1:8080").of(row[0]).view
    assert view.client is not None
    assert (view.client.id, view.client.secret) == ("IDfor-us", "the client secret")
    assert (view.token, view.has_credentials) == (None, False)
    assert "the client secret" not in repr(view)
    assert harness.apply(GIVEN).lines() == ["nothing to change"]


def test_an_export_hides_the_client_secret_and_shows_the_client_id(harness: ConfigHarness) -> None:
    """Applying the export changes nothing."""
    harness.apply(GIVEN)
    written = export(harness)
    assert yaml.safe_load(written)["connections"][1]["oauth"] == {"client_id": "IDfor-us", "client_secret": "kept"}
    assert "the client secret" not in written
    assert harness.apply(written, prune=True).lines() == ["nothing to change"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            replace(EXAMPLE, (TOKEN, TOKEN + "    oauth: {client_id: a, client_secret: b}\n")),
            "*connections[1].oauth: found both token and oauth; allowed: one of token and oauth, or neither",
        ),
        (with_oauth("{client_id: a}"), "*connections[1].oauth.client_secret: found nothing; allowed: *client secret*"),
        (
            with_oauth("{client_id: a, client_secret: kept}"),
            "*connections[1].oauth.client_secret: found kept; allowed: kept only if a client secret is already stored*",
        ),
        (
            with_oauth("{client_id: a, client_secret: env:NOPE}"),
            "*connections[1].oauth.client_secret: found env:NOPE, which is not set or empty; allowed: NOPE set*",
        ),
        (with_oauth("the whole of it"), "*connections[1].oauth: found a value that does not fit*"),
        (
            replace(EXAMPLE, (TOKEN, "")),
            "*connections[1].earlier: found import without a token or an OAuth app; allowed: ignore, or import with*",
        ),
        (
            replace(EXAMPLE, ("    token: env:GITHUB_TOKEN\n", "    oauth: {client_id: a, client_secret: b}\n")),
            "*connections[0].oauth: found the unknown field 'oauth'; allowed: *",
        ),
    ],
)
def test_an_oauth_error_has_its_position_and_no_secret(sqlite_harness: MakeHarness, text: str, expected: str) -> None:
    """Each error also says what is allowed."""
    found = [str(error) for error in sqlite_harness().errors(text)]
    assert any(fnmatch(error, expected.replace("[", "[[]")) for error in found), found
    assert not any("the whole of it" in error for error in found)


def test_the_schema_allows_oauth_apps() -> None:
    """For Jira alone, and never together with a token."""
    validator = Draft202012Validator(schema(load_connectors().values()))

    def fits(**changes: object) -> bool:
        made = {"slug": "a", "kind": "jira", "site": "https://acme.atlassian.net", "earlier": "ignore", **changes}
        return validator.is_valid({"connections": [made]})

    assert fits(oauth={"client_id": "a", "client_secret": "b"})
    assert not fits(oauth={"client_id": "a", "client_secret": "b"}, token="t")
    assert not fits(oauth={"client_id": "a"})
    assert not fits(oauth={"client_id": "a", "client_secret": "b"}, kind="github")
