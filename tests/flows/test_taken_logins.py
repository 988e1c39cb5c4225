"""A GitHub login that is renamed and taken by another person: from webhooks and polls to links and closing dates."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from tests.flows.write_back_github import GitHubWriteBackHarness, open_github_harness


@pytest.fixture
def harness(services: Services) -> Iterator[GitHubWriteBackHarness]:
    """Yield a GitHub whose webhooks are received when the test says so. Ana's login is anaruiz."""
    with open_github_harness(services) as made:
        made.furnish(on=False)
        made.clock.set(datetime.now(UTC))  # a poll asks for changes since the connection was made
        yield made


def commented(harness: GitHubWriteBackHarness) -> int:
    """Return the number of links by comments."""
    return len([row for row in harness.rows(tables.link) if row.origin == "comment"])


@pytest.mark.parametrize("by_poll", [False, True])
def test_a_stranger_with_a_persons_old_login_makes_no_link(harness: GitHubWriteBackHarness, *, by_poll: bool) -> None:
    """The person is first seen as an author, by a webhook or by a poll alone, and later under the new login."""
    issue = harness.repository.create_issue("Pay")
    if by_poll:
        harness.receiver.forget()
        harness.poll_now()
    harness.receive_webhooks()
    harness.hub.rename_user("anaruiz", "ana-new")
    with harness.hub.acting_as("anaruiz"):
        issue.comment("/okr KR-2")
    harness.receive_webhooks()
    assert commented(harness) == 0
    with harness.hub.acting_as("ana-new"):
        issue.comment("/okr KR-2")
    harness.receive_webhooks()
    assert commented(harness) == 1


@pytest.mark.both_databases
def test_an_issue_closed_again_while_deliveries_were_lost_has_the_last_closing_date(
    harness: GitHubWriteBackHarness,
) -> None:
    """A comment on the closed issue, and a label, leave it."""
    issue = harness.repository.create_issue("Pay")
    issue.close()
    harness.receive_webhooks()
    (first,) = harness.rows(tables.issue)
    harness.clock.step(60)
    issue.reopen()
    issue.close()
    harness.receiver.forget()
    issue.comment("At last")
    issue.label("late")
    harness.receive_webhooks()
    (again,) = harness.rows(tables.issue)
    assert again.closed_at_source == "tracker"
    assert again.closed_at - first.closed_at >= timedelta(seconds=60)
