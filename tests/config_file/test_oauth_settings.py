"""An OAuth app as a connection's credentials: what may be written, what is stored, and what is shown of it."""

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
from tests.config_file.conftest import Desk
from tests.config_file.files import EXAMPLE, replace
from tests.config_file.test_github_app_settings import export

MakeDesk = Callable[[], Desk]

IS_JIRA = tables.connection.c.slug == "acme-jira"
TOKEN = "    email: okr-bot@example.com\n    token: env:JIRA_API_TOKEN\n"


def with_oauth(written: str) -> str:
    """Give the example with an OAuth app in place of Jira's token."""
    return replace(EXAMPLE, (TOKEN, f"    oauth: {written}\n"))


GIVEN = with_oauth('{client_id: "IDfor-us", client_secret: "the client secret"}')


@pytest.mark.both_databases
def test_an_oauth_app_is_stored_sealed_and_calls_nothing_before_somebody_consents(desk: Desk) -> None:
    """It is a client, not yet credentials."""
    desk.apply(EXAMPLE)
    lines = desk.apply(GIVEN).lines()
    assert lines[0] == "~ connection acme-jira: options.email 'okr-bot@example.com' → none, token removed, oauth set"
    row = desk.rows(sa.select(tables.connection.c.id, tables.connection.c.sealed_client_secret).where(IS_JIRA))[0]
    assert "the client secret" not in str(row[1])
    view = Connections(engine=desk.engine, sealer=desk.sealer, base_url="http://127.0.0.1:8080").of(row[0]).view
    assert view.client is not None
    assert (view.client.id, view.client.secret) == ("IDfor-us", "the client secret")
    assert (view.token, view.has_credentials) == (None, False)
    assert "the client secret" not in repr(view)
    assert desk.apply(GIVEN).lines() == ["nothing to change"]


def test_an_export_keeps_the_client_secret_and_shows_the_client_id(desk: Desk) -> None:
    """Applied again it changes nothing."""
    desk.apply(GIVEN)
    written = export(desk)
    assert yaml.safe_load(written)["connections"][1]["oauth"] == {"client_id": "IDfor-us", "client_secret": "kept"}
    assert "the client secret" not in written
    assert desk.apply(written, prune=True).lines() == ["nothing to change"]


@pytest.mark.parametrize(
    ("text", "told"),
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
def test_mistakes_name_the_place_and_never_the_secret(small_desk: MakeDesk, text: str, told: str) -> None:
    """All of them, with what is allowed."""
    found = [str(mistake) for mistake in small_desk().errors(text)]
    assert any(fnmatch(mistake, told.replace("[", "[[]")) for mistake in found), found
    assert not any("the whole of it" in mistake for mistake in found)


def test_the_schema_takes_it() -> None:
    """Of Jira alone, and never beside a token."""
    validator = Draft202012Validator(schema(load_connectors().values()))

    def fits(**changes: object) -> bool:
        made = {"slug": "a", "kind": "jira", "site": "https://acme.atlassian.net", "earlier": "ignore", **changes}
        return validator.is_valid({"connections": [made]})

    assert fits(oauth={"client_id": "a", "client_secret": "b"})
    assert not fits(oauth={"client_id": "a", "client_secret": "b"}, token="t")
    assert not fits(oauth={"client_id": "a"})
    assert not fits(oauth={"client_id": "a", "client_secret": "b"}, kind="github")
