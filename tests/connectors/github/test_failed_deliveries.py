"""Where missed deliveries are looked for: the webhooks of a simulated GitHub that lead to us, and their lists."""

from collections.abc import Iterator

import pytest

from connectors.github.redelivery import redeliver
from connectors.github.redelivery.failed_deliveries import attempts
from sync_service.domain.trackers import connector as domain
from sync_service.domain.trackers.connector import Refused, Rejected
from sync_service.domain.trackers.observations import ScopeRef
from tests.connectors.github.redelivery_fixture import RedeliveryFixture, hooked, open_town, refusing

SOON, USUAL = redeliver.SOON, None


@pytest.fixture
def town(ghes: str) -> Iterator[RedeliveryFixture]:
    """Give a town."""
    with open_town(ghes=ghes) as made:
        yield made


def test_a_list_is_read_page_by_page_while_it_grows(town: RedeliveryFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few pages a run; what comes meanwhile moves no border, and what is known is not read again."""
    small_pages(monkeypatch)
    hooked(town, "repository")
    town.fail_deliveries(12)
    town.wait()
    waits = []
    for number in range(20):
        waits.append(town.run().next_run_in)
        town.wait(redeliver.INTERVAL)
        if number < 3:
            town.receiver.answers.append(503)
            town.repository.issues[1].edit(title=f"Later {number}")
    assert (waits[0], waits[-1]) == (SOON, USUAL)
    expected = [*(f"Pay {number}" for number in range(12)), *(f"Later {number}" for number in range(3))]
    assert sorted(set(town.titles())) == sorted(expected)
    town.hub.rest.calls.clear()
    town.run()
    assert sum(call.path.endswith("/deliveries") for call in town.hub.rest.calls) == 1
    assert town.redeliveries_requested() == 0


def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run read few rows, and ask for still fewer."""
    monkeypatch.setattr(redeliver, "_PER_PAGE", 2)
    monkeypatch.setattr(redeliver, "MOST_PAGES", 4)
    monkeypatch.setattr(redeliver, "MOST_ASKED", 2)


def test_more_than_there_is_room_for_waits_in_the_list(
    town: RedeliveryFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is not lost."""
    small_pages(monkeypatch)
    monkeypatch.setattr(redeliver, "ROOM", 3)
    hooked(town, "repository")
    town.fail_deliveries(16)
    town.wait()
    for _ in range(20):
        town.run()
        town.wait(redeliver.INTERVAL)
    assert len(set(town.titles())) == 16


def test_credentials_that_may_read_no_webhooks_are_no_fault(town: RedeliveryFixture) -> None:
    """As a token for issues alone; it is looked at once an hour."""
    hooked(town, "repository")
    for rights in ({"issues": "read"}, {"issues": "read", "repository_hooks": "read"}):
        token = town.hub.add_token("ana", permissions=rights, repositories=[town.repository])
        town.connection = town.connected(token=token.text)
        town.memory = None
        ran = town.run()
        if "repository_hooks" not in rights:
            assert f"may not read those of /orgs/acme, /repositories/{town.repository.id}" in ran.outcome
            assert ran.next_run_in == redeliver.PLACES_FRESH
            town.hub.rest.calls.clear()
            town.run()
            assert town.hub.rest.calls == []
    town.fail_deliveries()
    town.wait()
    assert "0 still missing, 1 given up" in town.run().outcome, "it may be read, and not be asked for"


def test_a_cursor_that_github_takes_no_longer_is_dropped(
    town: RedeliveryFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be refused in each run; a list that GitHub refuses from its beginning is a fault."""
    monkeypatch.setattr(redeliver, "_PER_PAGE", 1)
    monkeypatch.setattr(redeliver, "MOST_PAGES", 2)
    hooked(town, "repository")
    town.fail_deliveries(4)
    town.wait()
    assert "the list is longer" in town.run().outcome
    monkeypatch.setattr(redeliver, "MOST_PAGES", 20)
    refusing(town, status=422, when=lambda _url, params: "cursor" in params)
    assert "the list is longer" not in town.run().outcome
    refusing(town, status=422, when=lambda url, _params: url.endswith("/deliveries"))
    with pytest.raises(Rejected, match="Validation Failed"):
        town.run()


def test_a_refused_token_is_a_fault(town: RedeliveryFixture) -> None:
    """That is for somebody to mend."""
    town.connection = town.connected(token="wrong")
    with pytest.raises(Refused):
        town.run()


def test_webhooks_come_and_go(town: RedeliveryFixture) -> None:
    """They are looked for once an hour."""
    assert town.run().outcome == f"found no webhook that leads to {town.receiver.url}"
    hooked(town, "repository")
    town.fail_deliveries()
    town.wait()
    assert town.run().outcome.startswith("found no webhook")
    town.wait(redeliver.PLACES_FRESH)
    town.run()
    assert town.titles() == ["Pay 0"]
    town.fail_deliveries()
    town.hub.remove_hook(town.hub.hooks[0])
    town.wait(redeliver.PLACES_FRESH)
    assert town.run().outcome.startswith("found no webhook")
    assert town.redeliveries_requested() == 1


def test_an_app_whose_own_webhook_leads_elsewhere_asks_by_those_of_its_repositories(town: RedeliveryFixture) -> None:
    """Nobody else's deliveries are asked for."""
    rights = {"issues": "read", "repository_hooks": "write"}
    app = town.hub.create_app(permissions=rights, events=["issues"], hook_url="http://127.0.0.1:9/hooks/here")
    app.install([town.repository])
    town.hub.add_hook(town.repository, url=town.receiver.url)
    town.connection = town.connected(app=domain.AppKey(str(app.id), app.pem))
    town.receiver.forget()
    town.fail_deliveries()
    town.wait()
    town.run()
    assert town.titles() == ["Pay 0"]
    app.hook = None
    town.memory = None
    assert "1 still missing" not in town.run().outcome
    town.connection = town.connected(app=domain.AppKey(str(app.id), app.pem))
    other = ScopeRef("7", "umbrella/ledger")
    assert "no webhook" in town.run(scopes=[other]).outcome


def test_many_places_are_looked_at_a_few_at_a_time(town: RedeliveryFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run makes a bounded number of calls."""
    monkeypatch.setattr(redeliver, "MOST_PLACES", 2)
    places = [town.hub.repository(f"place-{number}") for number in range(5)]
    town.hub.add_hook(places[-1], url=town.receiver.url)
    scopes = [ScopeRef(str(one.id), one.full_name) for one in places]
    assert [town.run(scopes=scopes).next_run_in for _ in range(3)] == [SOON, SOON, USUAL]
    assert "no webhook" not in town.run(scopes=scopes).outcome


def test_rows_that_say_nothing_and_addresses_that_are_none_are_passed_over() -> None:
    """Whatever stands in a list."""
    assert attempts([{}, {"id": 1}, {"id": 1, "guid": "g", "delivered_at": "x", "event": "issues"}]) == []
    assert redeliver._address(None) == redeliver._address("http://[::1") == ""
    assert redeliver._address("HTTPS://Okr.example/hooks/gh/") == redeliver._address("https://okr.example/hooks/gh")
