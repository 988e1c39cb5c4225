"""Jira has one webhook for all scopes of a connection: it is created once, and updated with all scopes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from simulator import Jira
from tests.web.connections.conftest import ConnectionsHarness
from tests.web.session_client import seen_words


@dataclass
class JiraSetup:
    """The harness with a connection to a Jira by token."""

    harness: ConnectionsHarness
    jira: Jira

    def send(self, path: str, **fields: str) -> Any:
        """Send a form of the connection's page."""
        return self.harness.send(path, **fields)

    def create_webhook(self) -> str:
        """Create or update the webhook by the button of the page; return the text of the response."""
        return seen_words(self.send("/webhooks/one", scope="").text)


@pytest.fixture
def setup(harness: ConnectionsHarness) -> Iterator[JiraSetup]:
    """Yield the setup, with a Jira Cloud with two projects."""
    with Jira(background=False) as jira:
        jira.project("SHOP")
        jira.project("PAY")
        path = "/connections/new/jira/token"
        fields = harness.form(site=jira.url, email=jira.email, token=jira.token)
        assert harness.ana.submit(path, on=path, **fields).location == "/connections/walk/scopes"
        yield JiraSetup(harness, jira)


@pytest.mark.slow
def test_the_webhook_covers_all_scopes(setup: JiraSetup) -> None:
    """The page has one line, and the tracker one webhook."""
    assert "Create the webhook for me" in setup.harness.ana.words("/connections/walk/scopes")
    for scope, filtered in (("SHOP", '"SHOP"'), ("PAY", '"PAY", "SHOP"')):
        page = setup.send("/scopes", scope=scope, hooks="on").text
        assert page.count("hx-post") == 1
        assert "all scopes" in page
        assert "created" in setup.create_webhook()
        (hook,) = setup.jira.hooks
        assert hook.jql == f"project in ({filtered})"
    assert (hook.url, hook.secret) == ("http://127.0.0.1:8080/hooks/walk", setup.harness.secrets()[0])


@pytest.mark.slow
def test_the_button_updates_the_webhook_with_the_newest_secret(setup: JiraSetup) -> None:
    """The old secret remains accepted until it is removed."""
    setup.send("/scopes", scope="SHOP", hooks="on")
    setup.create_webhook()
    setup.send("/secrets", act="rotate")
    assert setup.send("/webhooks").text.count("hx-post") == 1
    assert "Its webhook existed and was updated with the newest secret." in setup.create_webhook()
    assert [hook.secret for hook in setup.jira.hooks] == [setup.harness.secrets()[0]]


def test_without_administrator_rights_the_page_shows_the_secret(setup: JiraSetup) -> None:
    """It says who can create the webhook."""
    setup.jira.is_admin = False
    setup.send("/scopes", scope="SHOP", hooks="on")
    text = setup.create_webhook()
    assert "only a Jira administrator may" in text
    assert text.startswith("SHOP create by hand")
    assert setup.harness.secrets()[0] in setup.harness.ana.read("/connections/walk")


def test_without_creating_the_webhook_the_page_shows_the_secret(setup: JiraSetup) -> None:
    """It shows the secret only once."""
    setup.send("/scopes", scope="SHOP")
    secret = setup.harness.secrets()[0]
    assert secret in setup.harness.ana.read("/connections/walk")
    assert secret not in setup.harness.ana.read("/connections/walk")


def test_without_scopes_there_is_no_webhook_to_create(setup: JiraSetup) -> None:
    """An error of the tracker is shown."""
    assert "Nothing is watched yet." in setup.send("/webhooks").text
    setup.jira.rest.answer_next(503)
    assert "can't answer now (503)" in setup.create_webhook()


def test_the_form_for_a_webhook_only_has_no_fields_for_calls(setup: JiraSetup) -> None:
    """The form with a token has them, and so have the settings, for a later token."""
    webhook_only_form = setup.harness.ana.read("/connections/new/jira/hand")
    token_form = setup.harness.ana.read("/connections/new/jira/token")
    for name in ("api_site", "email"):
        assert f'name="{name}"' not in webhook_only_form
        assert f'name="{name}"' in token_form
    assert 'name="points_field"' in webhook_only_form
    assert "E-mail address" in setup.harness.ana.words("/connections/walk")
