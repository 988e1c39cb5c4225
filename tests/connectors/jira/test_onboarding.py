"""Onboarding of Jira: the site, the owner of the token, and the visible projects."""

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
    """Yield a stub of Jira; each prepared response must be requested."""
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
def test_the_site_is_found_from_any_of_its_pages(typed: str, site: str) -> None:
    """A Data Center may have a path."""
    assert Jira().normalize_site(typed) == site


@pytest.mark.parametrize("data_center", [False, True])
def test_a_token_shows_its_owner_and_projects(data_center: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """On Cloud page by page, on Data Center with one call."""
    with Site(background=False, data_center=data_center) as site:
        for number in range(60):
            site.project(f"P{number:02}", f"Project {number}")
        options = {} if data_center else {"email": site.email}
        connection = Connection(slug="j", site=site.url, token=site.token, options=options)
        assert Jira().identify(connection).name == site.bot.display_name
        found = Jira().list_scopes(connection, most=500)
        assert (len(found.scopes), found.more, found.scopes[0]) == (60, False, ("P00", "Project 0"))
        assert Jira().list_scopes(connection, most=50).more


def test_invalid_values_are_reported_or_skipped(jira: responses.RequestsMock) -> None:
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
def test_the_manual_steps_name_the_watched_projects(scopes: list[str], jql: str) -> None:
    """They also name the events to select."""
    shown = Jira().manual_webhook(scopes=scopes)
    assert dict(shown.fields)["JQL filter"].startswith(jql)
    assert shown.events[0] == "Issue: created"
