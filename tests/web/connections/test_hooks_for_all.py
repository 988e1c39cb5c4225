"""One webhook for all that is watched, as Jira has: asked for once, with everything that is watched by then."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from simulator import Jira
from tests.web.connections.conftest import Desk
from tests.web.session_client import seen_words


@dataclass
class Counter:
    """A Jira, and Ana's desk with a connection to it by a token."""

    desk: Desk
    jira: Jira

    def send(self, path: str, **fields: str) -> Any:
        """Send a form of the connection's page."""
        return self.desk.send(path, **fields)

    def make(self) -> str:
        """Let the page's one line ask for the webhook; give what it says."""
        return seen_words(self.send("/webhooks/one", scope="").text)


@pytest.fixture
def counter(desk: Desk) -> Iterator[Counter]:
    """Give a Jira Cloud with two projects, connected."""
    with Jira(background=False) as jira:
        jira.project("SHOP")
        jira.project("PAY")
        path = "/connections/new/jira/token"
        fields = desk.form(site=jira.url, email=jira.email, token=jira.token)
        assert desk.ana.submit(path, on=path, **fields).location == "/connections/walk/scopes"
        yield Counter(desk, jira)


def test_it_serves_what_was_watched_before_too(counter: Counter) -> None:
    """There is one line on the page, and one webhook at the tracker."""
    assert "Create the webhook for me" in counter.desk.ana.words("/connections/walk/scopes")
    for scope, filtered in (("SHOP", '"SHOP"'), ("PAY", '"PAY", "SHOP"')):
        page = counter.send("/scopes", scope=scope, hooks="on").text
        assert page.count("hx-post") == 1
        assert "all scopes" in page
        assert "created" in counter.make()
        (hook,) = counter.jira.hooks
        assert hook.jql == f"project in ({filtered})"
    assert (hook.url, hook.secret) == ("http://127.0.0.1:8080/hooks/walk", counter.desk.secrets()[0])


def test_a_new_secret_is_set_by_the_button_on_its_page(counter: Counter) -> None:
    """The newest of them."""
    counter.send("/scopes", scope="SHOP", hooks="on")
    counter.make()
    counter.send("/secrets", act="rotate")
    assert counter.send("/webhooks").text.count("hx-post") == 1
    assert "Its webhook existed and was updated with the newest secret." in counter.make()
    assert [hook.secret for hook in counter.jira.hooks] == [counter.desk.secrets()[0]]


def test_whoever_is_no_administrator_gets_the_values_and_the_secret(counter: Counter) -> None:
    """It says who can."""
    counter.jira.is_admin = False
    counter.send("/scopes", scope="SHOP", hooks="on")
    said = counter.make()
    assert "only a Jira administrator may" in said
    assert said.startswith("SHOP create by hand")
    assert counter.desk.secrets()[0] in counter.desk.ana.read("/connections/walk")


def test_whoever_does_not_want_it_made_gets_the_secret_too(counter: Counter) -> None:
    """Once."""
    counter.send("/scopes", scope="SHOP")
    made = counter.desk.secrets()[0]
    assert made in counter.desk.ana.read("/connections/walk")
    assert made not in counter.desk.ana.read("/connections/walk")


def test_nothing_watched_is_nothing_to_make(counter: Counter) -> None:
    """And a tracker that is away is said."""
    assert "Nothing is watched yet." in counter.send("/webhooks").text
    counter.jira.rest.answer_next(503)
    assert "can't answer now (503)" in counter.make()


def test_the_form_by_hand_asks_for_nothing_that_takes_credentials(counter: Counter) -> None:
    """The form of a token does, and so do the settings, for a token to come."""
    by_hand = counter.desk.ana.read("/connections/new/jira/hand")
    by_token = counter.desk.ana.read("/connections/new/jira/token")
    for name in ("api_site", "email"):
        assert f'name="{name}"' not in by_hand
        assert f'name="{name}"' in by_token
    assert 'name="points_field"' in by_hand
    assert "E-mail address" in counter.desk.ana.words("/connections/walk")
