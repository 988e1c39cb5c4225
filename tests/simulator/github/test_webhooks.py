"""Webhooks of the simulated GitHub: headers, signatures, hooks and redelivery."""

import hashlib
import hmac
import re

import pytest

from simulator import GitHub
from simulator.github import Repository
from simulator.github.model.hooks import signatures
from tests.simulator.conftest import SECRET
from tests.simulator.receiver import Receiver


def test_the_signature_is_the_one_github_publishes() -> None:
    """The example of https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries."""
    assert signatures("It's a Secret to Everybody", b"Hello, World!")["X-Hub-Signature-256"] == (
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    )


def test_headers_are_github_s(hub: GitHub, checkout: Repository, receiver: Receiver) -> None:
    """Signatures are over the body as it was sent."""
    checkout.create_issue("Zahlung per Kärtchen")
    headers, body = receiver.received[-1].headers, receiver.received[-1].body
    assert headers["X-GitHub-Event"] == "issues"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers["X-GitHub-Delivery"])
    assert headers["X-GitHub-Hook-ID"] == str(hub.hooks[0].id)
    assert headers["X-GitHub-Hook-Installation-Target-Type"] == "repository"
    assert headers["X-GitHub-Hook-Installation-Target-ID"] == str(checkout.id)
    assert headers["User-Agent"].startswith("GitHub-Hookshot/")
    assert headers["Content-Type"] == "application/json"
    sha256, sha1 = (hmac.new(SECRET.encode(), body, name).hexdigest() for name in (hashlib.sha256, hashlib.sha1))
    assert headers["X-Hub-Signature-256"] == f"sha256={sha256}"
    assert headers["X-Hub-Signature"] == f"sha1={sha1}"


def test_a_form_is_signed_as_it_travels(hub: GitHub, receiver: Receiver) -> None:
    """The signature covers the encoded form, not the JSON in it."""
    repository = hub.repository("checkout")
    hub.add_hook(repository, url=receiver.url, secret=SECRET, content_type="form")
    repository.create_issue("Zahlung per Karte & mehr")
    got = receiver.received[-1]
    assert got.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert got.body.startswith(b"payload=%7B")
    assert got.json["issue"]["title"] == "Zahlung per Karte & mehr"
    assert got.headers["X-Hub-Signature-256"] == signatures(SECRET, got.body)["X-Hub-Signature-256"]


def test_without_a_secret_nothing_is_signed(hub: GitHub, receiver: Receiver) -> None:
    """Neither signature header is there."""
    hub.add_hook(hub.repository("checkout"), url=receiver.url)
    assert not any("Signature" in name for name in receiver.received[-1].headers)
    assert "secret" not in receiver.last["hook"]["config"]


def test_a_new_hook_is_pinged_and_can_be_pinged_again(hub: GitHub, receiver: Receiver) -> None:
    """The ping shows the hook without its secret."""
    hook = hub.add_hook(hub.repository("checkout"), url=receiver.url, secret=SECRET, events=["issues"])
    hub.ping(hook)
    assert receiver.names == ["ping", "ping"]
    assert receiver.last["hook_id"] == receiver.last["hook"]["id"] == hook.id
    assert receiver.last["hook"]["events"] == ["issues"]
    assert (receiver.last["hook"]["type"], receiver.last["hook"]["config"]["secret"]) == ("Repository", "********")
    assert receiver.last["repository"]["name"] == "checkout"


def test_an_organisations_hook_gets_webhooks_of_all_repositories(hub: GitHub, receiver: Receiver) -> None:
    """Its ping names no repository; its deliveries name the organisation as their target."""
    hub.add_hook(url=receiver.url)
    assert (receiver.last["hook"]["type"], "repository" in receiver.last) == ("Organization", False)
    for name in ("checkout", "payments"):
        hub.repository(name).create_issue("Pay")
    assert [each.json["repository"]["name"] for each in receiver.received[1:]] == ["checkout", "payments"]
    assert receiver.received[-1].headers["X-GitHub-Hook-Installation-Target-Type"] == "organization"
    assert receiver.received[-1].headers["X-GitHub-Hook-Installation-Target-ID"] == str(hub.owner.id)
    assert receiver.last["organization"]["login"] == "acme"


def test_a_person_s_repositories_have_no_organisation(receiver: Receiver) -> None:
    """The owner is a user then."""
    with GitHub("anaruiz", organization=False, background=False) as hub:
        hub.add_hook(hub.repository("notes"), url=receiver.url)
        hub.repository("notes").create_issue("Pay")
    assert "organization" not in receiver.last
    assert receiver.last["repository"]["owner"]["type"] == "User"


def test_a_hook_gets_only_its_events(hub: GitHub, receiver: Receiver) -> None:
    """No webhook for other events, other repositories and removed hooks."""
    repository = hub.repository("checkout")
    hook = hub.add_hook(repository, url=receiver.url, events=["issues"])
    receiver.forget()
    repository.create_issue("Pay", labels=["ui"])
    hub.repository("other").create_issue("Elsewhere")
    hub.remove_hook(hook)
    repository.create_issue("Too late")
    assert receiver.names == ["issues.opened", "issues.labeled"]


def test_a_guid_is_of_the_event_not_of_the_delivery(hub: GitHub, checkout: Repository, receiver: Receiver) -> None:
    """Two hooks get the same event under the same GUID, with the hook's id in a header."""
    hub.add_hook(checkout, url=receiver.url, secret="another")
    receiver.forget()
    checkout.create_issue("Pay")
    first, second = (each.headers for each in receiver.received)
    assert first["X-GitHub-Delivery"] == second["X-GitHub-Delivery"]
    assert first["X-GitHub-Hook-ID"] != second["X-GitHub-Hook-ID"]


@pytest.mark.parametrize("status", [301, 404, 429, 500, 503])
def test_github_never_tries_again_by_itself(hub: GitHub, checkout: Repository, receiver: Receiver, status: int) -> None:
    """A failed delivery stays in the log until someone redelivers it, under the same GUID."""
    receiver.answers.append(status)
    checkout.create_issue("Pay")
    hub.flush()
    assert hub.webhooks.retry_now() == 0
    failed = hub.deliveries[-1]
    assert (len(receiver.received), failed.status, failed.accepted) == (1, status, None)
    again = hub.redeliver(failed)
    assert (again.redelivery, again.status) == (True, 202)
    first, second = receiver.received
    assert (first.headers["X-GitHub-Delivery"], first.body) == (second.headers["X-GitHub-Delivery"], second.body)
