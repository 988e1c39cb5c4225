"""Two connections to one site that both write notes: an issue gets one note, which names all its key results."""

from collections.abc import Iterator

import pytest

from sync_service.runtime.wiring import Services
from tests.flows.write_back_github import GitHubWriteBackHarness, open_github_harness
from tests.flows.write_back_harness import HOUR
from tests.support.config_file import ANA, github, okrs

pytestmark = pytest.mark.slow


@pytest.fixture
def harness(services: Services) -> Iterator[GitHubWriteBackHarness]:
    """Yield the harness."""
    with open_github_harness(services) as made:
        yield made


def test_an_issue_gets_one_note_from_two_connections(harness: GitHubWriteBackHarness) -> None:
    """The first of them writes it, with the key results of the rules of both; where only one links it, that one."""
    first, second = (github(harness.hub, write_back=True, slug=slug) for slug in ("gh", "other"))
    rules = [
        {"slug": "labelled", "connection": "gh", "key_result": "KR-1", "when": {"field": "labels", "has": "checkout"}},
        {"slug": "also", "connection": "other", "key_result": "KR-2", "when": {"field": "labels", "has": "shop"}},
    ]
    file = okrs(first, second, key_results=[{"slug": "KR-1"}, {"slug": "KR-2"}], people=[ANA], rules=rules)
    harness.apply(file)
    harness.drain()
    issue = harness.repository.create_issue("Pay", labels=["checkout", "shop"])
    harness.receive_and_write(slug="gh")
    (text,) = harness.our_comment_texts(issue)
    assert "KR\\-1" in text
    assert "KR\\-2" in text
    issue.unlabel("checkout")
    harness.receive_and_write(slug="gh", seconds=HOUR)
    assert [("KR\\-2" in one) for one in harness.our_comment_texts(issue)].count(True) == 1
    assert not any("KR\\-1" in one for one in harness.our_comment_texts(issue))
