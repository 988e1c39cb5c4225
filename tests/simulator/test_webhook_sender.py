"""Injected faults of deliveries, in both simulated trackers."""

import threading
import time
from collections.abc import Iterable

import pytest

from simulator import GitHub, Jira
from simulator.github import Repository
from simulator.github.model.hooks import signatures
from simulator.webhook_delivery import Fault
from tests.simulator.conftest import SECRET
from tests.simulator.receiver import Received, Receiver
from tests.support.wait_until import until


def titles(receiver: Receiver) -> list[str]:
    """Return the titles of the received issues, in the order of arrival."""
    return titles_of(receiver.received)


def titles_of(received: Iterable[Received]) -> list[str]:
    """Return the titles of the issues in these requests."""
    return [each.json["issue"]["title"] for each in received]


def test_a_lost_delivery_never_comes_but_can_be_redelivered(
    hub: GitHub, checkout: Repository, receiver: Receiver
) -> None:
    """The next one arrives as usual."""
    hub.webhooks.lose_next()
    for title in ("A", "B"):
        checkout.create_issue(title)
    lost = hub.deliveries[-2]
    assert (titles(receiver), lost.fault, lost.attempts) == (["B"], Fault.LOST, [])
    hub.redeliver(lost)
    assert titles(receiver) == ["B", "A"]


def test_a_duplicate_comes_twice_under_one_id(hub: GitHub, checkout: Repository, receiver: Receiver) -> None:
    """Both are identical."""
    hub.webhooks.duplicate_next()
    checkout.create_issue("A")
    checkout.create_issue("B")
    assert titles(receiver) == ["A", "A", "B"]
    first, second, _ = receiver.received
    assert (first.headers, first.body) == (second.headers, second.body)


def test_a_forged_delivery_has_a_wrong_signature_of_the_right_form(
    hub: GitHub, checkout: Repository, receiver: Receiver
) -> None:
    """It has the right length, so that only a real check notices."""
    hub.webhooks.forge_next()
    checkout.create_issue("A")
    checkout.create_issue("B")
    forged, true = receiver.received
    for name, right in signatures(SECRET, forged.body).items():
        assert forged.headers[name] != right
        assert len(forged.headers[name]) == len(right)
    assert true.headers["X-Hub-Signature-256"] == signatures(SECRET, true.body)["X-Hub-Signature-256"]


def test_an_unsigned_delivery_has_no_signature(hub: GitHub, checkout: Repository, receiver: Receiver) -> None:
    """All its other headers are there; redelivered, it is signed."""
    hub.webhooks.unsign_next()
    checkout.create_issue("A")
    hub.redeliver(hub.deliveries[-1])
    unsigned, signed = (set(each.headers) for each in receiver.received)
    assert signed - unsigned == {"X-Hub-Signature", "X-Hub-Signature-256"}


def test_a_delayed_delivery_is_overtaken_by_later_ones(receiver: Receiver) -> None:
    """It arrives by itself after the delay, complete and well signed."""
    with GitHub() as hub:
        repository = hub.repository("checkout")
        hub.add_hook(repository, url=receiver.url, secret=SECRET)
        hub.webhooks.delay_next(0.3, count=2)
        for title in ("A", "B", "C", "D"):
            repository.create_issue(title)
        hub.flush()
        assert titles_after_ping(receiver) == ["C", "D"]
        until(lambda: len(receiver.received) == 5, "the delayed ones come")
    assert titles_after_ping(receiver) == ["C", "D", "A", "B"]
    late = receiver.received[-1]
    assert late.headers["X-Hub-Signature-256"] == signatures(SECRET, late.body)["X-Hub-Signature-256"]


def test_what_is_delayed_can_be_made_to_arrive_at_once(hub: GitHub, checkout: Repository, receiver: Receiver) -> None:
    """Without a thread that waits for it."""
    hub.webhooks.delay_next(600)
    for title in ("A", "B"):
        checkout.create_issue(title)
    assert titles(receiver) == ["B"]
    assert hub.webhooks.retry_now() == 1
    assert titles(receiver) == ["B", "A"]


def test_of_a_truncated_delivery_half_arrives_signed_as_the_whole(
    hub: GitHub, checkout: Repository, receiver: Receiver
) -> None:
    """Redelivered, it is complete."""
    hub.webhooks.truncate_next()
    checkout.create_issue("A")
    hub.redeliver(hub.deliveries[-1])
    torn, whole = receiver.received
    assert torn.body == whole.body[: len(whole.body) // 2]
    assert torn.headers["X-Hub-Signature-256"] == whole.headers["X-Hub-Signature-256"]
    assert titles_of([whole]) == ["A"]


@pytest.mark.parametrize("kind", ["github", "jira"])
def test_a_rotated_secret_signs_later_requests(hub: GitHub, jira: Jira, receiver: Receiver, kind: str) -> None:
    """A held one is signed at its release, a delayed one when queued; a redelivery is signed again."""
    tracker = hub if kind == "github" else jira
    hook = tracker.add_hook(url=receiver.url, secret="old")
    receiver.forget()
    create = hub.repository("checkout").create_issue if kind == "github" else jira.project("SHOP").create_issue
    tracker.webhooks.delay_next(600)
    create("delayed")
    tracker.webhooks.hold()
    create("held")
    hook.secret = "new"
    tracker.webhooks.release()
    tracker.webhooks.retry_now()
    tracker.webhooks.redeliver(tracker.deliveries[-2])
    assert [secret_of(each) for each in receiver.received] == ["new", "old", "new"]


def secret_of(received: Received) -> str:
    """Return the secret that a delivery was signed with."""
    sent = received.headers.get("X-Hub-Signature-256") or received.headers["X-Hub-Signature"]
    (found,) = [secret for secret in ("old", "new") if signatures(secret, received.body)["X-Hub-Signature-256"] == sent]
    return found


def test_held_deliveries_come_when_released(hub: GitHub, checkout: Repository, receiver: Receiver) -> None:
    """In order by default; afterwards nothing is held."""
    hub.webhooks.hold()
    for title in ("A", "B"):
        checkout.create_issue(title)
    hub.flush()
    assert (receiver.names, len(hub.webhooks.held)) == ([], 2)
    hub.webhooks.release()
    checkout.create_issue("C")
    assert (titles(receiver), hub.webhooks.held) == (["A", "B", "C"], [])


def test_held_deliveries_come_in_the_requested_order(hub: GitHub, checkout: Repository, receiver: Receiver) -> None:
    """A position left out is lost."""
    hub.webhooks.hold()
    for title in ("A", "B", "C", "D"):
        checkout.create_issue(title)
    hub.webhooks.release(order=[2, 0, 3])
    assert titles(receiver) == ["C", "A", "D"]
    assert [delivery.fault for delivery in hub.deliveries[-4:]] == [
        Fault.NONE,
        Fault.LOST,
        Fault.NONE,
        Fault.NONE,
    ]


def test_a_seed_shuffles_the_same_way_each_time(hub: GitHub, checkout: Repository, receiver: Receiver) -> None:
    """So that a failing test can be repeated."""
    orders = []
    for _ in range(2):
        receiver.forget()
        hub.webhooks.hold()
        for title in "ABCDEFGH":
            checkout.create_issue(title)
        hub.webhooks.release(seed=7)
        orders.append(titles(receiver))
    assert orders[0] == orders[1]
    assert sorted(orders[0]) == list("ABCDEFGH") != orders[0]


def test_in_the_background_the_order_is_kept(receiver: Receiver) -> None:
    """And the log has the time of acceptance, by the wall clock and the monotonic clock."""
    before = time.monotonic()
    with GitHub() as hub:
        repository = hub.repository("checkout")
        hub.add_hook(repository, url=receiver.url)
        for number in range(20):
            repository.create_issue(str(number))
        hub.flush()
        accepted = [delivery.accepted for delivery in hub.deliveries]
    assert titles_after_ping(receiver) == [str(number) for number in range(20)]
    moments = [attempt.monotonic for attempt in accepted if attempt is not None]
    assert len(moments) == 21
    assert before < moments[0]
    assert moments == sorted(moments)
    assert accepted[0] is not None
    assert accepted[0].at.tzinfo is not None


def titles_after_ping(receiver: Receiver) -> list[str]:
    """Return the titles without the ping, which has none."""
    return [each.json["issue"]["title"] for each in receiver.received[1:]]


def test_what_is_sent_before_the_start_waits_for_it(receiver: Receiver) -> None:
    """So a test can set up issues first."""
    hub = GitHub()
    hub.add_hook(hub.repository("checkout"), url=receiver.url)
    assert receiver.names == []
    with hub:
        hub.flush()
    assert receiver.names == ["ping"]


def test_flushing_gives_up_after_its_time(receiver: Receiver) -> None:
    """A tracker that was never started delivers nothing."""
    hub = GitHub()
    hub.add_hook(hub.repository("checkout"), url=receiver.url)
    with pytest.raises(TimeoutError, match="1 deliveries were not tried"):
        hub.flush(timeout=0.01)
    hub.stop()


def test_a_receiver_that_is_not_there_is_logged(hub: GitHub) -> None:
    """No status, and the reason in a word."""
    hub.add_hook(hub.repository("checkout"), url="http://127.0.0.1:9/hooks/nobody")
    attempt = hub.deliveries[-1].attempts[-1]
    assert (attempt.status, attempt.reason, attempt.accepted) == (None, "ConnectionError", False)


def test_stopping_leaves_nothing_running(receiver: Receiver) -> None:
    """No thread, and the port is free for another."""
    before = set(threading.enumerate())
    with GitHub() as hub, Jira() as jira:
        hub.add_hook(hub.repository("checkout"), url=receiver.url)
        hub.flush()
        assert len({hub.url, jira.url}) == 2
        port = int(hub.url.rpartition(":")[2])
    assert [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("simulated")] == []
    with GitHub(port=port) as again:
        assert again.url == hub.url
