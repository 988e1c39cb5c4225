"""Webhooks of the simulated Jira: headers, signatures, hooks and retries."""

import time
from collections.abc import Callable

import pytest

from simulator import Jira
from simulator.jira import Project
from simulator.jira.admin_webhooks import real_retry_delay, signature
from tests.simulator.conftest import SECRET
from tests.simulator.receiver import Receiver

RETRY = "X-Atlassian-Webhook-Retry"
IDENTIFIER = "X-Atlassian-Webhook-Identifier"


def until(truth: Callable[[], bool]) -> None:
    """Wait until something is true; fail after ten seconds."""
    deadline = time.monotonic() + 10
    while not truth():
        assert time.monotonic() < deadline, "it did not come true within ten seconds"
        time.sleep(0.005)


def test_the_signature_is_the_one_atlassian_publishes() -> None:
    """The example of https://developer.atlassian.com/cloud/jira/platform/webhooks/."""
    assert signature("It's a Secret to Everybody", b"Hello World!") == (
        "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    )


def test_headers_of_cloud(shop: Project, receiver: Receiver) -> None:
    """An identifier, the flow, a signature over the body as sent; no count of retries on the first attempt."""
    shop.create_issue("Zahlung per Kärtchen")
    headers, body = receiver.received[-1].headers, receiver.received[-1].body
    assert headers["X-Hub-Signature"] == signature(SECRET, body)
    assert headers["X-Atlassian-Webhook-Flow"] == "Primary"
    assert headers["Content-Type"].startswith("application/json")
    assert len(headers[IDENTIFIER]) == 36
    assert RETRY not in headers
    assert "Zahlung per Kärtchen".encode() in body


def test_a_bulk_change_comes_in_the_secondary_flow(jira: Jira, shop: Project, receiver: Receiver) -> None:
    """And later ones in the primary one again."""
    with jira.in_bulk():
        shop.create_issue("A")
    shop.create_issue("B")
    assert [each.headers["X-Atlassian-Webhook-Flow"] for each in receiver.received] == ["Secondary", "Primary"]


def test_headers_of_data_center(data_center: Jira, receiver: Receiver) -> None:
    """A signature in lower case, and none of Cloud's own headers."""
    data_center.project("SHOP").create_issue("Pay")
    headers = receiver.received[-1].headers
    assert headers["x-hub-signature"] == signature(SECRET, receiver.received[-1].body)
    assert [name for name in headers if name.startswith("X-Atlassian")] == []


@pytest.mark.parametrize("face", ["cloud", "data center"])
def test_without_a_secret_nothing_is_signed(receiver: Receiver, face: str) -> None:
    """No signature header at all."""
    with Jira(background=False, data_center=face == "data center") as jira:
        jira.add_hook(url=receiver.url)
        jira.project("SHOP").create_issue("Pay")
    assert [name for name in receiver.received[-1].headers if "signature" in name.lower()] == []


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 503, 599])
def test_cloud_tries_again_up_to_five_times(jira: Jira, shop: Project, receiver: Receiver, status: int) -> None:
    """With the same identifier and a count; then it gives up."""
    receiver.answers.extend([status] * 7)
    shop.create_issue("Pay")
    for _ in range(5):
        assert jira.webhooks.retry_now() == 1
    assert jira.webhooks.retry_now() == 0
    assert [each.headers.get(RETRY) for each in receiver.received] == [None, "1", "2", "3", "4", "5"]
    assert len({each.headers[IDENTIFIER] for each in receiver.received}) == 1
    assert (len(jira.deliveries[-1].attempts), jira.deliveries[-1].accepted) == (6, None)


def test_cloud_stops_retrying_after_a_success(jira: Jira, shop: Project, receiver: Receiver) -> None:
    """The log knows which attempt was taken."""
    receiver.answers.extend([503, 202])
    shop.create_issue("Pay")
    jira.webhooks.retry_now()
    assert jira.webhooks.retry_now() == 0
    accepted = jira.deliveries[-1].accepted
    assert accepted is not None
    assert (accepted.number, accepted.status) == (1, 202)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413])
def test_cloud_takes_other_refusals_for_an_answer(jira: Jira, shop: Project, receiver: Receiver, status: int) -> None:
    """So a 401 during a change of secrets loses the webhook."""
    receiver.answers.append(status)
    shop.create_issue("Pay")
    assert jira.webhooks.retry_now() == 0
    assert jira.deliveries[-1].status == status


def test_cloud_tries_again_when_nobody_answers(jira: Jira) -> None:
    """A failed connection counts as a 503."""
    jira.add_hook(url="http://127.0.0.1:9/hooks/nobody")
    jira.project("SHOP").create_issue("Pay")
    assert jira.webhooks.retry_now() == 1
    assert [attempt.status for attempt in jira.deliveries[-1].attempts] == [None, None]


def test_data_center_never_tries_again(data_center: Jira, receiver: Receiver) -> None:
    """Data Center does not retry."""
    receiver.answers.append(503)
    data_center.project("SHOP").create_issue("Pay")
    assert data_center.webhooks.retry_now() == 0
    assert len(receiver.received) == 1


def test_retries_come_by_themselves_after_their_delay(receiver: Receiver) -> None:
    """After later webhooks, so out of order."""
    receiver.answers.append(503)
    with Jira(retry_delay=lambda: 0.05) as jira:
        jira.add_hook(url=receiver.url)
        for summary in ("A", "B"):
            jira.project("SHOP").create_issue(summary)
        until(lambda: len(receiver.received) == 3)
    assert [each.json["issue"]["fields"]["summary"] for each in receiver.received] == ["A", "B", "A"]


def test_the_real_delay_is_five_to_fifteen_minutes() -> None:
    """As Atlassian documents it; this test does not wait."""
    delays = [real_retry_delay() for _ in range(100)]
    assert min(delays) >= 300
    assert max(delays) <= 900
    assert len(set(delays)) > 1


def test_a_hook_gets_only_its_events(jira: Jira, receiver: Receiver) -> None:
    """Its events, in its projects; a moved issue counts for its new project."""
    hook = jira.add_hook(url=receiver.url, events=["jira:issue_updated"], projects=["SHOP"])
    shop, pay = jira.project("SHOP"), jira.project("PAY")
    issue = shop.create_issue("Pay")
    issue.edit(summary="Pay by card")
    issue.move(pay)
    issue.move(shop)
    jira.remove_hook(hook)
    issue.edit(summary="Too late")
    assert [each.json["issue"]["key"] for each in receiver.received] == ["SHOP-1", "SHOP-2"]


def test_two_hooks_get_the_same_change_under_two_identifiers(jira: Jira, shop: Project, receiver: Receiver) -> None:
    """Only the changelog's id shows that it is the same change."""
    jira.add_hook(url=receiver.url)
    shop.create_issue("Pay").start()
    first, second = receiver.received[-2:]
    assert first.headers[IDENTIFIER] != second.headers[IDENTIFIER]
    assert first.json["changelog"]["id"] == second.json["changelog"]["id"]
