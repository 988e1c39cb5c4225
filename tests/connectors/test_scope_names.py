"""What people write for a scope: a name, an address, or something that can't be a scope."""

import pytest

from connectors.github import GitHub
from connectors.jira import Jira
from sync_service.domain.trackers.connector import read_scope

GITHUB, SERVER, JIRA = "https://api.github.com", "https://ghe.example.com/api/v3", "https://acme.atlassian.net"


@pytest.mark.parametrize(
    ("written", "site"),
    [
        ("acme/checkout", GITHUB),
        (" acme/checkout ", GITHUB),
        ("acme/checkout.git", GITHUB),
        ("https://github.com/acme/checkout", GITHUB),
        ("https://github.com/acme/checkout/", GITHUB),
        ("http://www.GitHub.com/acme/checkout.git", GITHUB),
        ("https://github.com/acme/checkout/issues/7?tab=a#b", GITHUB),
        ("https://ana@github.com/acme/checkout", GITHUB),
        ("https://api.github.com/repos/acme/checkout", GITHUB),
        ("github.com/acme/checkout", GITHUB),
        ("git@github.com:acme/checkout.git", GITHUB),
        ("ssh://git@github.com/acme/checkout.git", GITHUB),
        ("https://ghe.example.com/acme/checkout", SERVER),
        ("https://ghe.example.com/api/v3/repos/acme/checkout", SERVER),
        ("https://acme.ghe.com/acme/checkout", "https://api.acme.ghe.com"),
        ("http://127.0.0.1:8123/acme/checkout", "http://127.0.0.1:8123"),
    ],
)
def test_a_repository_is_read_from_its_name_or_any_of_its_addresses(written: str, site: str) -> None:
    """A page, the API, or a clone."""
    assert read_scope(GitHub(), written, site=site) == "acme/checkout"


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("", "one repository as owner/name"),
        ("acme", "acme alone is an owner: write acme/ and the name"),
        ("acme/", "acme alone is an owner"),
        ("https://github.com/acme", "acme alone is an owner"),
        ("acme/*", "name each repository of acme by itself"),
        ("acme/check out", "one repository as owner/name"),
        ("acme/checkout#12", "one repository as owner/name"),
        ("acme/checkout/issues", "one repository as owner/name"),
        ("/acme/checkout", "one repository as owner/name"),
        ("acme/..", "one repository as owner/name"),
        ("acme/.git", "one repository as owner/name"),
        ("https://gitlab.com/acme/checkout", "at https://github.com"),
        ("https://github.com.evil.example/acme/checkout", "at https://github.com"),
        ("https://github.com/orgs/acme/repositories", "one repository as owner/name"),
        ("https://[::1/acme/checkout", "at https://github.com"),
    ],
)
def test_what_is_no_repository_of_the_site_is_refused_with_what_is_allowed(written: str, says: str) -> None:
    """No delivery would ever name it."""
    with pytest.raises(ValueError, match="one repository as owner/name") as caught:
        read_scope(GitHub(), written, site=GITHUB)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "written",
    [
        "SHOP",
        "shop",
        " SHOP",
        f"{JIRA}/browse/SHOP",
        f"{JIRA}/browse/SHOP-7",
        f"{JIRA}/projects/SHOP",
        f"{JIRA}/projects/SHOP/issues/SHOP-7",
        f"{JIRA}/jira/software/projects/SHOP/boards/1",
        f"{JIRA}/jira/software/c/projects/SHOP/boards/1?quick=1",
    ],
)
def test_a_project_is_read_from_its_key_or_any_of_its_addresses(written: str) -> None:
    """Keys are in capitals."""
    assert read_scope(Jira(), written, site=JIRA) == "SHOP"


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("", "the key of one project"),
        ("SHOP-7", "SHOP-7 is an issue of the project SHOP"),
        ("Shop Web", "the key of one project"),
        ("10001", "the key of one project"),
        ("SHOP*", "the key of one project"),
        ("acme/checkout", "the key of one project"),
        (f"{JIRA}/jira/dashboards/1", f"at {JIRA}"),
        ("https://other.atlassian.net/projects/SHOP", f"at {JIRA}"),
        ("https://[::1/projects/SHOP", "the key of one project"),
    ],
)
def test_what_is_no_project_of_the_site_is_refused_with_what_is_allowed(written: str, says: str) -> None:
    """No delivery would ever name it."""
    with pytest.raises(ValueError, match="the key of one project") as caught:
        read_scope(Jira(), written, site=JIRA)
    assert says in str(caught.value)


def test_a_connector_that_knows_no_names_takes_any() -> None:
    """Another package may bring one."""
    assert read_scope(object(), "any thing", site="") == "any thing"
