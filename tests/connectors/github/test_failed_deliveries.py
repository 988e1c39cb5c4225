"""Failed deliveries: find them in the lists of the webhooks with our address."""

from collections.abc import Iterator

import pytest

from connectors.github.redelivery import redeliver
from connectors.github.redelivery.failed_deliveries import attempts
from sync_service.domain.trackers import connector as domain
from sync_service.domain.trackers.connector import Refused, Rejected
from sync_service.domain.trackers.observations import ScopeRef
from tests.connectors.github.redelivery_fixture import RedeliveryFixture, add_webhooks, open_harness, refuse_calls

SOON, USUAL = redeliver.SOON, None


@pytest.fixture
def harness(ghes: str) -> Iterator[RedeliveryFixture]:
    """Yield the fixture."""
    with open_harness(ghes=ghes) as made:
        yield made


@pytest.mark.slow
def test_a_list_is_read_page_by_page_while_it_grows(
    harness: RedeliveryFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run reads a few pages. New rows do not move the limits, and known rows are not read again."""
    small_pages(monkeypatch)
    add_webhooks(harness, "repository")
    harness.fail_deliveries(12)
    harness.wait()
    waits = []
    for number in range(20):
        waits.append(harness.run().next_run_in)
        harness.wait(redeliver.INTERVAL)
        if number < 3:
            harness.receiver.answers.append(503)
            harness.repository.issues[1].edit(title=f"Later {number}")
    assert (waits[0], waits[-1]) == (SOON, USUAL)
    expected = [*(f"Pay {number}" for number in range(12)), *(f"Later {number}" for number in range(3))]
    assert sorted(set(harness.titles())) == sorted(expected)
    harness.hub.rest.calls.clear()
    harness.run()
    assert sum(call.path.endswith("/deliveries") for call in harness.hub.rest.calls) == 1
    assert harness.redeliveries_requested() == 0


def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a run read few rows, in small pages."""
    monkeypatch.setattr(redeliver, "_PER_PAGE", 2)
    monkeypatch.setattr(redeliver, "MOST_PAGES", 4)
    monkeypatch.setattr(redeliver, "MOST_ASKED", 2)


@pytest.mark.slow
def test_rows_beyond_the_storage_limit_stay_in_the_list(
    harness: RedeliveryFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not lost."""
    small_pages(monkeypatch)
    monkeypatch.setattr(redeliver, "ROOM", 3)
    add_webhooks(harness, "repository")
    harness.fail_deliveries(16)
    harness.wait()
    for _ in range(20):
        harness.run()
        harness.wait(redeliver.INTERVAL)
    assert len(set(harness.titles())) == 16


def test_credentials_without_webhook_permission_are_no_error(harness: RedeliveryFixture) -> None:
    """For example a token for issues alone. The permission is checked once an hour."""
    add_webhooks(harness, "repository")
    for rights in ({"issues": "read"}, {"issues": "read", "repository_hooks": "read"}):
        token = harness.hub.add_token("ana", permissions=rights, repositories=[harness.repository])
        harness.connection = harness.connected(token=token.text)
        harness.memory = None
        ran = harness.run()
        if "repository_hooks" not in rights:
            assert f"may not read those of /orgs/acme, /repositories/{harness.repository.id}" in ran.outcome
            assert ran.next_run_in == redeliver.PLACES_FRESH
            harness.hub.rest.calls.clear()
            harness.run()
            assert harness.hub.rest.calls == []
    harness.fail_deliveries()
    harness.wait()
    assert "0 still missing, 1 given up" in harness.run().outcome, "it may be read, and not be asked for"


def test_a_cursor_that_github_refuses_is_dropped(harness: RedeliveryFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise each run would fail. A list that GitHub refuses without a cursor is an error."""
    monkeypatch.setattr(redeliver, "_PER_PAGE", 1)
    monkeypatch.setattr(redeliver, "MOST_PAGES", 2)
    add_webhooks(harness, "repository")
    harness.fail_deliveries(4)
    harness.wait()
    assert "the list is longer" in harness.run().outcome
    monkeypatch.setattr(redeliver, "MOST_PAGES", 20)
    refuse_calls(harness, status=422, when=lambda _url, params: "cursor" in params)
    assert "the list is longer" not in harness.run().outcome
    refuse_calls(harness, status=422, when=lambda url, _params: url.endswith("/deliveries"))
    with pytest.raises(Rejected, match="Validation Failed"):
        harness.run()


def test_a_refused_token_is_an_error(harness: RedeliveryFixture) -> None:
    """A person must replace it."""
    harness.connection = harness.connected(token="wrong")
    with pytest.raises(Refused):
        harness.run()


def test_webhooks_may_be_added_and_removed(harness: RedeliveryFixture) -> None:
    """They are listed once an hour."""
    assert harness.run().outcome == f"found no webhook that leads to {harness.receiver.url}"
    add_webhooks(harness, "repository")
    harness.fail_deliveries()
    harness.wait()
    assert harness.run().outcome.startswith("found no webhook")
    harness.wait(redeliver.PLACES_FRESH)
    harness.run()
    assert harness.titles() == ["Pay 0"]
    harness.fail_deliveries()
    harness.hub.remove_hook(harness.hub.hooks[0])
    harness.wait(redeliver.PLACES_FRESH)
    assert harness.run().outcome.startswith("found no webhook")
    assert harness.redeliveries_requested() == 1


def test_an_app_with_another_webhook_address_uses_its_repositories_webhooks(harness: RedeliveryFixture) -> None:
    """Deliveries of others are not requested."""
    rights = {"issues": "read", "repository_hooks": "write"}
    app = harness.hub.create_app(permissions=rights, events=["issues"], hook_url="http://127.0.0.1:9/hooks/here")
    app.install([harness.repository])
    harness.hub.add_hook(harness.repository, url=harness.receiver.url)
    harness.connection = harness.connected(app=domain.AppKey(str(app.id), app.pem))
    harness.receiver.forget()
    harness.fail_deliveries()
    harness.wait()
    harness.run()
    assert harness.titles() == ["Pay 0"]
    app.hook = None
    harness.memory = None
    assert "1 still missing" not in harness.run().outcome
    harness.connection = harness.connected(app=domain.AppKey(str(app.id), app.pem))
    other = ScopeRef("7", "umbrella/ledger")
    assert "no webhook" in harness.run(scopes=[other]).outcome


def test_many_repositories_are_checked_a_few_at_a_time(
    harness: RedeliveryFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run makes a limited number of calls."""
    monkeypatch.setattr(redeliver, "MOST_PLACES", 2)
    repositories = [harness.hub.repository(f"place-{number}") for number in range(5)]
    harness.hub.add_hook(repositories[-1], url=harness.receiver.url)
    scopes = [ScopeRef(str(one.id), one.full_name) for one in repositories]
    assert [harness.run(scopes=scopes).next_run_in for _ in range(3)] == [SOON, SOON, USUAL]
    assert "no webhook" not in harness.run(scopes=scopes).outcome


def test_incomplete_rows_and_invalid_addresses_are_skipped() -> None:
    """A list may contain anything."""
    assert attempts([{}, {"id": 1}, {"id": 1, "guid": "g", "delivered_at": "x", "event": "issues"}]) == []
    assert redeliver._address(None) == redeliver._address("http://[::1") == ""
    assert redeliver._address("HTTPS://Okr.example/hooks/gh/") == redeliver._address("https://okr.example/hooks/gh")
