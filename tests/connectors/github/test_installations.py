"""App installations: which one sees what, and their changes."""

from collections.abc import Callable

import pytest

from simulator import GitHub, SteppedClock
from simulator.github import Installation
from sync_service.domain.trackers.capabilities import ChangesRequest
from sync_service.domain.trackers.connector import Gone, Rejected
from tests.connectors.github.app_fixture import START, GitHubAppFixture, refusal

LIST = "/installation/repositories"


def test_one_connection_covers_all_installations(harness: GitHubAppFixture) -> None:
    """Each repository is read with the installation that sees it."""
    other = harness.repository("umbrella/ledger")
    harness.app.install()
    harness.app.install([other], account=other.owner)
    assert [harness.fetch_issue(repository).key for repository in (harness.checkout, other)] == [
        "acme/checkout#1",
        "umbrella/ledger#1",
    ]
    assert harness.bucket_for() != harness.bucket_for(other)
    assert len(harness.calls("/app/installations")) == 1


def test_all_pages_of_repositories_are_read(harness: GitHubAppFixture) -> None:
    """The repository may be on any page."""
    for number in range(120):
        harness.hub.repository(f"place-{number}")
    last = harness.repository("last")
    harness.app.install()
    assert harness.fetch_issue(last).key == "acme/last#1"
    assert len(harness.calls(LIST)) == 2


def test_a_single_suspended_installation_refuses_the_connection(harness: GitHubAppFixture) -> None:
    """With GitHub's words, until it works again, whether its token is cached or not."""
    installation = harness.app.install()
    harness.fetch_issue()
    installation.suspend()
    for _ in range(2):
        assert "This installation has been suspended" in refusal(harness)
    harness.connector = harness.new_connector()
    assert "This installation has been suspended" in refusal(harness)
    installation.unsuspend()
    harness.step(61)
    assert harness.fetch_issue().key == "acme/checkout#1"


def test_a_suspended_installation_does_not_stop_the_others(harness: GitHubAppFixture) -> None:
    """Its repositories are hidden, which does not prove a deletion."""
    other = harness.repository("umbrella/ledger")
    suspended = harness.app.install()
    harness.app.install(account=other.owner)
    harness.fetch_issue()
    suspended.suspend()
    assert "This installation has been suspended" in refusal(harness, Gone)
    assert "; suspended: acme" in refusal(harness, Gone)
    assert harness.fetch_issue(other).key == "umbrella/ledger#1"


def test_an_uninstalled_app_is_refused_until_it_is_installed_again(harness: GitHubAppFixture) -> None:
    """The new installation has another id."""
    assert "is not installed" in refusal(harness)
    first = harness.app.install()
    harness.step(61)
    harness.fetch_issue()
    before = harness.bucket_for()
    first.delete()
    harness.step(61)
    assert "is not installed" in refusal(harness)
    harness.app.install()
    harness.step(61)
    harness.fetch_issue()
    assert harness.bucket_for() != before


def test_repositories_of_an_uninstalled_installation_are_hidden(harness: GitHubAppFixture) -> None:
    """The other installations work."""
    other = harness.repository("umbrella/ledger")
    harness.app.install(account=other.owner)
    left = harness.app.install()
    harness.fetch_issue()
    left.delete()
    harness.step(61)
    assert f"no installation of the GitHub App can see repository {harness.checkout.id}" in refusal(harness, Gone)
    assert harness.fetch_issue(other).key == "umbrella/ledger#1"


@pytest.mark.parametrize("what", [Installation.delete, Installation.suspend])
def test_a_removed_installation_does_not_stop_a_search(
    harness: GitHubAppFixture, what: Callable[[Installation], None]
) -> None:
    """A cached list may still contain it."""
    other, third = harness.repository("umbrella/ledger"), harness.repository("zebra/stripes")
    harness.app.install()
    befallen = harness.app.install(account=other.owner)
    harness.app.install(account=third.owner)
    harness.fetch_issue()
    what(befallen)
    assert harness.fetch_issue(third).key == "zebra/stripes#1"
    with pytest.raises(Gone):
        harness.fetch_issue(other)


def test_an_invalid_token_response_is_rejected(harness: GitHubAppFixture) -> None:
    """Status 200 alone is not enough."""
    harness.app.install()
    harness.fetch_issue()
    harness.step(3600)
    harness.hub.rest.answer_next(201)
    assert "returns no valid token" in refusal(harness, Rejected)


def test_an_unseen_repository_is_searched_once_a_minute(harness: GitHubAppFixture) -> None:
    """When it is added, it is found."""
    payments = harness.repository("payments")
    installation = harness.app.install([payments])
    for _ in range(5):
        refusal(harness, Gone)
    assert len(harness.calls(LIST)) == len(harness.calls("/app/installations")) == 1
    assert harness.fetch_issue(payments).key == "acme/payments#1"
    installation.add(harness.checkout)
    harness.step(61)
    assert harness.fetch_issue().key == "acme/checkout#1"


def test_a_repository_that_moved_to_another_installation_is_found(harness: GitHubAppFixture) -> None:
    """Its former installation does not list it any more."""
    harness.app.install([harness.checkout])
    harness.app.install(account=harness.hub.repository("umbrella/ledger").owner)
    harness.fetch_issue()
    before = harness.bucket_for()
    harness.checkout.transfer("umbrella")
    harness.step(11 * 60)
    assert harness.fetch_issue().key == "umbrella/checkout#1"
    assert harness.bucket_for() != before


def test_a_missing_issue_is_not_searched_in_other_installations(harness: GitHubAppFixture) -> None:
    """Its repository did not move."""
    harness.app.install()
    harness.fetch_issue()
    harness.step(11 * 60)
    for _ in range(3):
        with pytest.raises(Gone):
            harness.connector.fetch_issue(
                harness.connection, identity=f"{harness.checkout.id}#99", key="acme/checkout#99"
            )
    assert len(harness.calls(LIST)) == 2


def test_an_app_lists_changes_also_by_a_former_name(harness: GitHubAppFixture) -> None:
    """A scope without any delivery is known by its name in the file."""
    harness.app.install()
    for name in ("acme/checkout", "ACME/Checkout"):
        page = harness.connector.list_changes(
            harness.connection, asked=ChangesRequest(name=name, id=None, since=None), cursor=None
        )
        assert len(page.observations) == 2
    harness.checkout.rename("pay")
    harness.connector = harness.new_connector()
    page = harness.connector.list_changes(
        harness.connection, asked=ChangesRequest(name="acme/checkout", id=None, since=None), cursor=None
    )
    assert len(page.observations) == 2


def test_a_missing_permission_is_named(harness: GitHubAppFixture) -> None:
    """As GitHub names it; one of them is enough. Another installation may have granted it."""
    harness.app.permissions = {"metadata": "read"}
    harness.app.install()
    words = refusal(harness, Gone)
    assert "Resource not accessible by integration" in words
    assert "the required permission: issues=read or pull_requests=read" in words
    with pytest.raises(Gone, match="the required permission: issues=read"):
        harness.connector.list_changes(
            harness.connection, asked=ChangesRequest(name="acme/checkout", id=None, since=None), cursor=None
        )


def test_an_enterprise_server_is_called_without_an_unknown_version(harness: GitHubAppFixture) -> None:
    """The connector learns it once."""
    clock = SteppedClock(START)
    with GitHub("acme", ghes="3.17", clock=clock, background=False) as server:
        older = GitHubAppFixture(server, clock)
        older.app.install()
        older.fetch_issue()
        assert server.api_url.endswith("/api/v3")
        older.fetch_issue()
        statuses = [call.status for call in server.rest.calls]
    assert statuses.count(400) == 1
    assert statuses[0] == 400
