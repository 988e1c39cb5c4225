"""Missed deliveries are found in the lists of a simulated GitHub, and asked for again, by real calls."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

import connectors.github
from connectors.github import missed as missing
from connectors.github import redelivering
from connectors.github.missed import PAUSES, attempts
from connectors.http import Http, Method
from connectors.replies import Reply
from simulator import GitHub, SteppedClock
from simulator.github import Repository, Rules
from sync_service.domain import connectors as domain
from sync_service.domain.abilities import Ran
from sync_service.domain.connectors import Connection, Refused, Rejected, Unavailable
from sync_service.domain.issues import ScopeRef
from tests.connectors.app_town import START
from tests.simulator.receiver import Receiver

SOON, USUAL = redelivering.SOON, None


@dataclass
class Town:
    """GitHub with a watched repository, a receiver of its webhooks, and the errand with what it remembers."""

    hub: GitHub
    clock: SteppedClock
    receiver: Receiver
    slept: list[float] = field(default_factory=list)
    memory: str | None = None
    connection: Connection = field(init=False)
    place: Repository = field(init=False)

    def __post_init__(self) -> None:
        self.place = self.hub.repository("checkout")
        self.place.create_issue("Pay")
        self.connection = self.connected(token=self.hub.token)
        self.connector = connectors.github.GitHub(Http(now=self.clock), sleep=self.slept.append)

    def connected(self, **credentials: Any) -> Connection:
        """Give a connection to this GitHub, whose webhooks lead to the receiver."""
        return Connection(slug="gh", site=self.hub.api_url, hook_url=self.receiver.url, **credentials)

    def run(self, *, scopes: list[ScopeRef] | None = None) -> Ran:
        """Run the errand, and remember what it wants to."""
        watched = scopes or [ScopeRef(str(self.place.id), self.place.full_name)]
        ran = self.connector.run(self.connection, name=redelivering.NAME, scopes=watched, memory=self.memory)
        self.memory = ran.memory
        return ran

    def miss(self, count: int = 1) -> None:
        """Let so many changes be told in vain."""
        self.receiver.answers.extend([503] * count)
        for number in range(count):
            self.clock.step(1)
            self.place.issues[1].edit(title=f"Pay {number}")
        self.receiver.forget()

    def wait(self, pause: timedelta = PAUSES[0]) -> None:
        """Let time pass."""
        self.clock.step(pause.total_seconds() + 1)

    def asked(self) -> int:
        """Count the deliveries that were asked for."""
        return sum(call.path.endswith("/attempts") for call in self.hub.rest.calls)

    def titles(self) -> list[str]:
        """Give the titles that the receiver was told since it forgot."""
        return [one.json["issue"]["title"] for one in self.receiver.received]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a receiver that listens."""
    with Receiver() as made:
        yield made


@pytest.fixture(params=["", "3.17"], ids=["github.com", "enterprise"])
def town(request: pytest.FixtureRequest, receiver: Receiver) -> Iterator[Town]:
    """Give a town on github.com, and one on an Enterprise Server."""
    clock = SteppedClock(START)
    with GitHub("acme", clock=clock, background=False, ghes=request.param) as hub:
        yield Town(hub, clock, receiver)


def hooked(town: Town, kind: str) -> None:
    """Let a webhook of one kind lead to the receiver, and another one elsewhere."""
    if kind == "app":
        rights = {"issues": "read", "pull_requests": "read"}
        app = town.hub.create_app(permissions=rights, events=["issues"], hook_url=town.receiver.url)
        app.install([town.place])
        town.connection = town.connected(app=domain.App(str(app.id), app.pem))
    else:
        town.hub.add_hook(town.place if kind == "repository" else None, url=f"{town.receiver.url.upper()}/")
        town.hub.hooks[-1].url = town.receiver.url
    town.hub.add_hook(town.place, url="http://127.0.0.1:9/hooks/here", events=["issues"])
    town.receiver.forget()


KINDS = ("app", "organization", "repository")


@pytest.mark.parametrize("kind", KINDS)
def test_a_missed_delivery_is_asked_for_once_and_comes(town: Town, kind: str) -> None:
    """Whichever hook it was to come by; then there is nothing more to do."""
    hooked(town, kind)
    town.miss()
    town.wait()
    ran = town.run()
    assert ran.outcome.startswith("1 missed deliveries asked for again, 1 still missed, 0 given up")
    assert town.titles() == ["Pay 0"]
    for _ in range(2):
        town.wait()
        ran = town.run()
    assert ran.outcome == "0 missed deliveries asked for again, 0 still missed, 0 given up; 1 have come after all"
    assert (ran.again, town.asked()) == (USUAL, 1)


def test_what_was_just_sent_is_left_alone_for_a_minute(town: Town) -> None:
    """It may be on its way."""
    hooked(town, "repository")
    town.miss()
    assert (town.run().again, town.asked()) == (USUAL, 0)
    town.wait()
    town.run()
    assert town.asked() == 1


def test_one_that_nobody_answered_is_missed_too(town: Town) -> None:
    """GitHub's own filter does not show it."""
    hooked(town, "repository")
    town.hub.webhooks.lose_next()
    town.place.issues[1].close()
    town.wait()
    town.run()
    assert [one.name for one in town.receiver.received] == ["issues.closed"]


def test_what_came_by_another_hook_or_by_hand_is_not_asked_for(town: Town) -> None:
    """Attempts of one delivery have one guid, whoever's hook they are."""
    hooked(town, "organization")
    hooked(town, "repository")
    town.receiver.answers.extend([503, 202])
    town.place.issues[1].edit(title="Told once")
    town.receiver.answers.extend([503, 503])
    town.place.issues[1].edit(title="Told in vain")
    town.hub.redeliver(town.hub.deliveries[-2])
    town.wait()
    town.run()
    assert town.asked() == 0


def test_what_we_would_ignore_or_do_not_watch_is_not_asked_for(town: Town) -> None:
    """Where every scope's id is known."""
    hooked(town, "organization")
    milestone = town.place.create_milestone("v1")
    town.receiver.answers.extend([503] * 3)
    milestone.close()
    town.hub.repository("attic").create_issue("Elsewhere")
    town.wait()
    town.run()
    assert town.asked() == 0
    town.memory = None
    town.run(scopes=[ScopeRef("", town.place.full_name)])
    assert town.asked() == 1


def test_one_that_fails_again_and_again_is_given_up(town: Town) -> None:
    """After growing pauses; once it is no longer listed, it is forgotten."""
    hooked(town, "repository")
    town.miss()
    for pause in PAUSES:
        town.receiver.answers.append(500)
        town.clock.step(pause.total_seconds() - 2)
        before = town.asked()
        town.run()
        assert town.asked() == before
        town.clock.step(4)
        town.run()
        assert town.asked() == before + 1
    town.wait(timedelta(hours=12))
    ran = town.run()
    assert town.asked() == len(PAUSES)
    assert "0 still missed, 1 given up" in ran.outcome
    town.wait(redelivering.WINDOW_OF_ENTERPRISE_SERVER)
    assert "0 still missed, 0 given up" in town.run().outcome


def test_many_are_asked_for_a_few_at_a_time_and_a_second_apart(town: Town) -> None:
    """Oldest first: those are the first that can't be asked for any more."""
    town.hub.limits.switch_on()
    hooked(town, "repository")
    town.miss(20)
    town.wait()
    waits: list[timedelta | None] = []
    while not waits or waits[-1] is not None:
        waits.append(town.run().again)
        town.wait(SOON)
    assert waits == [SOON, SOON, USUAL]
    assert town.titles() == [f"Pay {number}" for number in range(20)]
    assert town.slept == [1.0] * (7 + 7 + 3)


def test_a_run_that_is_killed_before_it_notes_asks_no_more_often(town: Town) -> None:
    """The next one sees in the list what was asked for."""
    hooked(town, "repository")
    town.miss(2)
    town.wait()
    town.receiver.answers.extend([202, 500])
    before = town.memory
    town.run()
    assert town.asked() == 2
    town.memory = before
    town.wait()
    town.run()
    assert town.asked() == 2, "one has come, the other waits for its longer pause"
    town.wait(PAUSES[1])
    town.run()
    assert town.asked() == 3
    assert town.titles() == ["Pay 0", "Pay 1", "Pay 1"]


def test_a_list_is_read_page_by_page_while_it_grows(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few pages a run; what comes meanwhile moves no border, and what is known is not read again."""
    small_pages(monkeypatch)
    hooked(town, "repository")
    town.miss(12)
    town.wait()
    waits = []
    for number in range(20):
        waits.append(town.run().again)
        town.wait(redelivering.INTERVAL)
        if number < 3:
            town.receiver.answers.append(503)
            town.place.issues[1].edit(title=f"Later {number}")
    assert (waits[0], waits[-1]) == (SOON, USUAL)
    expected = [*(f"Pay {number}" for number in range(12)), *(f"Later {number}" for number in range(3))]
    assert sorted(set(town.titles())) == sorted(expected)
    town.hub.rest.calls.clear()
    town.run()
    assert sum(call.path.endswith("/deliveries") for call in town.hub.rest.calls) == 1
    assert town.asked() == 0


def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run read few rows, and ask for still fewer."""
    monkeypatch.setattr(redelivering, "_PER_PAGE", 2)
    monkeypatch.setattr(redelivering, "MOST_PAGES", 4)
    monkeypatch.setattr(redelivering, "MOST_ASKED", 2)


def test_more_than_there_is_room_for_waits_in_the_list(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is not lost."""
    small_pages(monkeypatch)
    monkeypatch.setattr(redelivering, "ROOM", 3)
    hooked(town, "repository")
    town.miss(16)
    town.wait()
    for _ in range(20):
        town.run()
        town.wait(redelivering.INTERVAL)
    assert len(set(town.titles())) == 16


def test_what_github_no_longer_keeps_is_not_asked_for(town: Town) -> None:
    """Three days; seven on an Enterprise Server."""
    hooked(town, "repository")
    town.miss()
    town.clock.step(timedelta(days=4).total_seconds())
    town.run()
    assert town.asked() == (1 if town.hub.ghes else 0)


def test_a_limit_in_the_middle_ends_the_run_and_loses_nothing(town: Town) -> None:
    """What was asked for before it is seen in the list."""
    if town.hub.ghes:
        town.hub.limits.switch_on(Rules(writes_per_minute=1, status=429))
    else:
        town.hub.limits.switch_on(Rules(writes_per_minute=1))
    hooked(town, "repository")
    town.miss(3)
    town.wait()
    for number in range(3):
        if number < 2:
            with pytest.raises(Unavailable) as caught:
                town.run()
            assert (caught.value.part, caught.value.guessed) == ("token", False)
        else:
            town.run()
        assert town.titles() == [f"Pay {one}" for one in range(number + 1)]
        town.wait(timedelta(minutes=2))


def test_credentials_that_may_read_no_webhooks_are_no_fault(town: Town) -> None:
    """As a token for issues alone; it is looked at once an hour."""
    hooked(town, "repository")
    for rights in ({"issues": "read"}, {"issues": "read", "repository_hooks": "read"}):
        token = town.hub.add_token("ana", permissions=rights, repositories=[town.place])
        town.connection = town.connected(token=token.text)
        town.memory = None
        ran = town.run()
        if "repository_hooks" not in rights:
            assert f"may not read those of /orgs/acme, /repositories/{town.place.id}" in ran.outcome
            assert ran.again == redelivering.PLACES_FRESH
            town.hub.rest.calls.clear()
            town.run()
            assert town.hub.rest.calls == []
    town.miss()
    town.wait()
    assert "0 still missed, 1 given up" in town.run().outcome, "it may be read, and not be asked for"


def refusing(town: Town, *, status: int, when: Callable[[str, Mapping[str, str]], bool]) -> None:
    """Let GitHub refuse some calls, told by their address and parameters."""

    class Refusing(Http):
        def send(self, method: Method, url: str, **asked: Any) -> Reply:
            if when(url, asked.get("params") or {}):
                return Reply(url, status=status, headers={}, body=b'{"message": "Validation Failed"}')
            return super().send(method, url, **asked)

    town.connector = connectors.github.GitHub(Refusing(now=town.clock), sleep=town.slept.append)


@pytest.mark.parametrize("status", [400, 422])
def test_a_delivery_that_can_not_be_sent_again_stops_no_other(town: Town, status: int) -> None:
    """It is given up, though it is the oldest, which is asked for first."""
    hooked(town, "repository")
    town.miss(3)
    town.wait()
    refused: list[str] = []

    def is_first(url: str, _params: Mapping[str, str]) -> bool:
        if url.endswith("/attempts") and url not in refused and not town.receiver.received:
            refused.append(url)
        return url in refused[:1]

    refusing(town, status=status, when=is_first)
    assert town.run().outcome.startswith("2 missed deliveries asked for again, 2 still missed, 1 given up")
    assert town.titles() == ["Pay 1", "Pay 2"]


def test_a_cursor_that_github_takes_no_longer_is_dropped(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be refused in each run; a list that GitHub refuses from its beginning is a fault."""
    monkeypatch.setattr(redelivering, "_PER_PAGE", 1)
    monkeypatch.setattr(redelivering, "MOST_PAGES", 2)
    hooked(town, "repository")
    town.miss(4)
    town.wait()
    assert "the list goes on" in town.run().outcome
    monkeypatch.setattr(redelivering, "MOST_PAGES", 20)
    refusing(town, status=422, when=lambda _url, params: "cursor" in params)
    assert "the list goes on" not in town.run().outcome
    refusing(town, status=422, when=lambda url, _params: url.endswith("/deliveries"))
    with pytest.raises(Rejected, match="Validation Failed"):
        town.run()


def test_a_refused_token_is_a_fault(town: Town) -> None:
    """That is for somebody to mend."""
    town.connection = town.connected(token="wrong")
    with pytest.raises(Refused):
        town.run()


def test_webhooks_come_and_go(town: Town) -> None:
    """They are looked for once an hour."""
    assert town.run().outcome == f"no webhook is seen that leads to {town.receiver.url}"
    hooked(town, "repository")
    town.miss()
    town.wait()
    assert town.run().outcome.startswith("no webhook")
    town.wait(redelivering.PLACES_FRESH)
    town.run()
    assert town.titles() == ["Pay 0"]
    town.miss()
    town.hub.remove_hook(town.hub.hooks[0])
    town.wait(redelivering.PLACES_FRESH)
    assert town.run().outcome.startswith("no webhook")
    assert town.asked() == 1


def test_an_app_whose_own_webhook_leads_elsewhere_asks_by_those_of_its_repositories(town: Town) -> None:
    """Nobody else's deliveries are asked for."""
    rights = {"issues": "read", "repository_hooks": "write"}
    app = town.hub.create_app(permissions=rights, events=["issues"], hook_url="http://127.0.0.1:9/hooks/here")
    app.install([town.place])
    town.hub.add_hook(town.place, url=town.receiver.url)
    town.connection = town.connected(app=domain.App(str(app.id), app.pem))
    town.receiver.forget()
    town.miss()
    town.wait()
    town.run()
    assert town.titles() == ["Pay 0"]
    app.hook = None
    town.memory = None
    assert "1 still missed" not in town.run().outcome
    town.connection = town.connected(app=domain.App(str(app.id), app.pem))
    other = ScopeRef("7", "umbrella/ledger")
    assert "no webhook" in town.run(scopes=[other]).outcome


def test_many_places_are_looked_at_a_few_at_a_time(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run makes a bounded number of calls."""
    monkeypatch.setattr(redelivering, "MOST_PLACES", 2)
    places = [town.hub.repository(f"place-{number}") for number in range(5)]
    town.hub.add_hook(places[-1], url=town.receiver.url)
    scopes = [ScopeRef(str(one.id), one.full_name) for one in places]
    assert [town.run(scopes=scopes).again for _ in range(3)] == [SOON, SOON, USUAL]
    assert "no webhook" not in town.run(scopes=scopes).outcome


def test_more_than_can_be_remembered_at_all_is_counted(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is for lists of what changed to find."""
    monkeypatch.setattr(missing, "MOST_KEPT", 2)
    hooked(town, "repository")
    town.miss(3)
    town.wait()
    assert town.run().outcome.endswith("; 1 more were missed than can be remembered")


@pytest.mark.parametrize("memory", ["nonsense", "{}", "[]", '{"hooks": {"/a": {}}, "missed": {}}'])
def test_what_another_version_remembered_is_forgotten(town: Town, memory: str) -> None:
    """All there is to know stands in GitHub's lists."""
    hooked(town, "repository")
    town.miss()
    town.wait()
    town.memory = memory
    town.run()
    assert town.asked() == 1


def test_rows_that_say_nothing_and_addresses_that_are_none_are_passed_over(receiver: Receiver) -> None:
    """Whatever stands in a list."""
    assert attempts([{}, {"id": 1}, {"id": 1, "guid": "g", "delivered_at": "x", "event": "issues"}]) == []
    assert redelivering._address(None) == redelivering._address("http://[::1") == ""
    assert redelivering._address("HTTPS://Okr.example/hooks/gh/") == redelivering._address(
        "https://okr.example/hooks/gh"
    )
