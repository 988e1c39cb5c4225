"""Connecting Jira: which site is meant, whose the token is, and which projects it sees."""

from collections.abc import Iterator

import pytest
import responses

from connectors.jira import Jira
from simulator import Jira as Site
from sync_service.domain.trackers.connector import Connection, Refused, Rejected

SITE = "https://acme.atlassian.net"
CLOUD = Connection(slug="j", site=SITE, token="t", options={"email": "a@example.com"})


@pytest.fixture
def jira() -> Iterator[responses.RequestsMock]:
    """Stand in for Jira; every answer prepared must be asked for."""
    with responses.RequestsMock() as mock:
        yield mock


@pytest.mark.parametrize(
    ("typed", "site"),
    [
        (SITE, SITE),
        (f" {SITE}/ ", SITE),
        (f"{SITE}/jira/software/projects/SHOP/boards/1", SITE),
        (f"{SITE}/browse/SHOP-7?focused=1", SITE),
        ("https://jira.acme.example/jira/browse/SHOP-7", "https://jira.acme.example/jira"),
        ("https://jira.acme.example/tracker", "https://jira.acme.example/tracker"),
        ("https://[", "https://["),
        ("", ""),
    ],
)
def test_the_site_is_told_from_any_page_of_it(typed: str, site: str) -> None:
    """A Data Center may stand below a path."""
    assert Jira().normalize_site(typed) == site


@pytest.mark.parametrize("data_center", [False, True])
def test_a_token_says_whose_it_is_and_what_it_sees(data_center: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """On Cloud page by page, on Data Center at once."""
    with Site(background=False, data_center=data_center) as site:
        for number in range(60):
            site.project(f"P{number:02}", f"Project {number}")
        options = {} if data_center else {"email": site.email}
        connection = Connection(slug="j", site=site.url, token=site.token, options=options)
        assert Jira().identify(connection).name == site.bot.display_name
        found = Jira().list_scopes(connection, most=500)
        assert (len(found.scopes), found.more, found.scopes[0]) == (60, False, ("P00", "Project 0"))
        assert Jira().list_scopes(connection, most=50).more


def test_what_is_odd_is_said_or_left_out(jira: responses.RequestsMock) -> None:
    """An account without a name, rows that are no projects, an empty page that promises more."""
    jira.get(f"{SITE}/rest/api/3/myself", json={})
    with pytest.raises(Rejected, match="does not say who owns"):
        Jira().identify(CLOUD)
    jira.get(f"{SITE}/rest/api/3/project/search", json={"isLast": False, "values": [{"key": "A"}, {"name": "x"}, 7]})
    jira.get(f"{SITE}/rest/api/3/project/search", json={"isLast": False, "values": []})
    assert Jira().list_scopes(CLOUD, most=500).scopes == [("A", "")]
    with pytest.raises(Refused, match="no token"):
        Jira().identify(Connection(slug="j", site=SITE))


@pytest.mark.parametrize(
    ("scopes", "jql"),
    [([], "none"), (["SHOP"], 'project in ("SHOP")'), (["SHOP", "DATE"], 'project in ("SHOP", "DATE")')],
)
def test_the_filter_to_paste_names_what_is_watched(scopes: list[str], jql: str) -> None:
    """And the boxes to tick."""
    shown = Jira().manual_webhook(scopes=scopes)
    assert dict(shown.fields)["JQL filter"].startswith(jql)
    assert shown.events[0] == "Issue: created"
