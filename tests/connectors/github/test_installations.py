"""Which installation of an app sees what, and what befalls installations."""

from collections.abc import Callable

import pytest

from simulator import GitHub, SteppedClock
from simulator.github import Installation
from sync_service.domain.trackers.capabilities import ChangesRequest
from sync_service.domain.trackers.connector import Gone, Rejected
from tests.connectors.github.app_fixture import START, GitHubAppFixture, refusal

LIST = "/installation/repositories"


def test_one_connection_covers_all_installations(town: GitHubAppFixture) -> None:
    """Each repository is asked for as the one that sees it."""
    other = town.repository("umbrella/ledger")
    town.app.install()
    town.app.install([other], account=other.owner)
    assert [town.fetch_issue(place).key for place in (town.checkout, other)] == ["acme/checkout#1", "umbrella/ledger#1"]
    assert town.bucket_for() != town.bucket_for(other)
    assert len(town.calls("/app/installations")) == 1


def test_more_repositories_than_a_page_holds_are_gone_through(town: GitHubAppFixture) -> None:
    """The one asked for may be on any."""
    for number in range(120):
        town.hub.repository(f"place-{number}")
    last = town.repository("last")
    town.app.install()
    assert town.fetch_issue(last).key == "acme/last#1"
    assert len(town.calls(LIST)) == 2


def test_the_only_installation_when_suspended_refuses_in_github_s_words(town: GitHubAppFixture) -> None:
    """Until it works again, and whether its token is known or not."""
    installation = town.app.install()
    town.fetch_issue()
    installation.suspend()
    for _ in range(2):
        assert "This installation has been suspended" in refusal(town)
    town.connector = town.new_connector()
    assert "This installation has been suspended" in refusal(town)
    installation.unsuspend()
    town.step(61)
    assert town.fetch_issue().key == "acme/checkout#1"


def test_a_suspended_installation_does_not_stop_the_others(town: GitHubAppFixture) -> None:
    """Its repositories are hidden, which proves nothing of them; theirs are not."""
    other = town.repository("umbrella/ledger")
    suspended = town.app.install()
    town.app.install(account=other.owner)
    town.fetch_issue()
    suspended.suspend()
    assert "This installation has been suspended" in refusal(town, Gone)
    assert "; suspended: acme" in refusal(town, Gone)
    assert town.fetch_issue(other).key == "umbrella/ledger#1"


def test_an_app_that_was_uninstalled_is_refused_and_found_again_once_installed(town: GitHubAppFixture) -> None:
    """Its new installation is another one."""
    assert "is not installed" in refusal(town)
    first = town.app.install()
    town.step(61)
    town.fetch_issue()
    before = town.bucket_for()
    first.delete()
    town.step(61)
    assert "is not installed" in refusal(town)
    town.app.install()
    town.step(61)
    town.fetch_issue()
    assert town.bucket_for() != before


def test_where_one_of_several_was_uninstalled_its_repositories_are_hidden(town: GitHubAppFixture) -> None:
    """The others work on."""
    other = town.repository("umbrella/ledger")
    town.app.install(account=other.owner)
    left = town.app.install()
    town.fetch_issue()
    left.delete()
    town.step(61)
    assert f"no installation of the GitHub App can see repository {town.checkout.id}" in refusal(town, Gone)
    assert town.fetch_issue(other).key == "umbrella/ledger#1"


@pytest.mark.parametrize("what", [Installation.delete, Installation.suspend])
def test_what_befell_an_installation_just_now_does_not_stop_a_search(
    town: GitHubAppFixture, what: Callable[[Installation], None]
) -> None:
    """Though a list of a moment ago still has it."""
    other, third = town.repository("umbrella/ledger"), town.repository("zebra/stripes")
    town.app.install()
    befallen = town.app.install(account=other.owner)
    town.app.install(account=third.owner)
    town.fetch_issue()
    what(befallen)
    assert town.fetch_issue(third).key == "zebra/stripes#1"
    with pytest.raises(Gone):
        town.fetch_issue(other)


def test_a_token_that_is_none_is_rejected(town: GitHubAppFixture) -> None:
    """A good status alone is not enough."""
    town.app.install()
    town.fetch_issue()
    town.step(3600)
    town.hub.rest.answer_next(201)
    assert "returns no valid token" in refusal(town, Rejected)


def test_a_repository_that_no_installation_sees_is_not_searched_for_all_the_time(town: GitHubAppFixture) -> None:
    """Once a minute; when it is added, it is found."""
    payments = town.repository("payments")
    installation = town.app.install([payments])
    for _ in range(5):
        refusal(town, Gone)
    assert len(town.calls(LIST)) == len(town.calls("/app/installations")) == 1
    assert town.fetch_issue(payments).key == "acme/payments#1"
    installation.add(town.checkout)
    town.step(61)
    assert town.fetch_issue().key == "acme/checkout#1"


def test_a_repository_that_went_to_another_installation_is_found_there(town: GitHubAppFixture) -> None:
    """Its former one shows it no longer."""
    town.app.install([town.checkout])
    town.app.install(account=town.hub.repository("umbrella/ledger").owner)
    town.fetch_issue()
    before = town.bucket_for()
    town.checkout.transfer("umbrella")
    town.step(11 * 60)
    assert town.fetch_issue().key == "umbrella/checkout#1"
    assert town.bucket_for() != before


def test_an_issue_that_is_not_there_is_not_searched_for_in_other_installations(town: GitHubAppFixture) -> None:
    """Its repository is where it was."""
    town.app.install()
    town.fetch_issue()
    town.step(11 * 60)
    for _ in range(3):
        with pytest.raises(Gone):
            town.connector.fetch_issue(town.connection, identity=f"{town.checkout.id}#99", key="acme/checkout#99")
    assert len(town.calls(LIST)) == 2


def test_what_changed_is_listed_as_an_app_too_also_by_a_former_name(town: GitHubAppFixture) -> None:
    """A scope that nothing was heard of yet is known by the name in the file."""
    town.app.install()
    for name in ("acme/checkout", "ACME/Checkout"):
        page = town.connector.list_changes(
            town.connection, asked=ChangesRequest(name=name, id=None, since=None), cursor=None
        )
        assert len(page.observations) == 2
    town.checkout.rename("pay")
    town.connector = town.new_connector()
    page = town.connector.list_changes(
        town.connection, asked=ChangesRequest(name="acme/checkout", id=None, since=None), cursor=None
    )
    assert len(page.observations) == 2


def test_a_missing_permission_is_named(town: GitHubAppFixture) -> None:
    """As GitHub names it: either of them would do. Another installation may have granted it."""
    town.app.permissions = {"metadata": "read"}
    town.app.install()
    words = refusal(town, Gone)
    assert "Resource not accessible by integration" in words
    assert "the required permission: issues=read or pull_requests=read" in words
    with pytest.raises(Gone, match="the required permission: issues=read"):
        town.connector.list_changes(
            town.connection, asked=ChangesRequest(name="acme/checkout", id=None, since=None), cursor=None
        )


def test_an_enterprise_server_is_asked_without_a_version_it_does_not_know(town: GitHubAppFixture) -> None:
    """Which is found out once."""
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
