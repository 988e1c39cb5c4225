"""Dynamic webhooks of OAuth apps on the simulated Jira, and retries by a stepped clock."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests

from simulator import Jira, SteppedClock
from simulator.jira import Atlassian
from simulator.jira.admin_webhooks import real_retry_delay
from tests.simulator.openapi_schemas import OURS, check, shared
from tests.simulator.receiver import Receiver

REST = OURS / "jira-rest.json"
SITE_ID = "a1b2"


@pytest.fixture
def gateway(jira: Jira, clock: SteppedClock) -> Iterator[Atlassian]:
    """Return the gateway of a Jira Cloud."""
    with Atlassian({SITE_ID: jira}, clock=clock, client_secret="-".join(["a secret for tests"] * 3)) as gateway:
        yield gateway


def token(gateway: Atlassian) -> str:
    """Consent to the app; return its access token."""
    payload = {
        "client_id": gateway.client_id,
        "audience": "api.atlassian.com",
        "state": "s",
        "scope": "manage:jira-webhook",
    }
    form = {**payload, "redirect_uri": "http://127.0.0.1/back"}
    answer = requests.post(f"{gateway.url}/authorize", data=form, timeout=5, allow_redirects=False)
    code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
    requested = {"grant_type": "authorization_code", "code": code, "redirect_uri": form["redirect_uri"]}
    requested |= {"client_id": gateway.client_id, "client_secret": gateway.client_secret}
    found: str = requests.post(f"{gateway.url}/oauth/token", json=requested, timeout=5).json()["access_token"]
    return found


class App:
    """An app with an access token of an hour."""

    def __init__(self, gateway: Atlassian) -> None:
        self.gateway = gateway

    def call(self, method: str, path: str = "", **body: Any) -> requests.Response:
        """Call the webhook API through the gateway."""
        url = f"{self.gateway.url}/ex/jira/{SITE_ID}/rest/api/3/webhook{path}"
        headers = {"Authorization": f"Bearer {token(self.gateway)}"}
        return requests.request(method, url, json=body or None, headers=headers, timeout=5)

    def register(self, url: str, *filters: str, events: tuple[str, ...] = ("jira:issue_updated",)) -> list[Any]:
        """Register a webhook for each filter; return the results."""
        requested = [{"events": list(events), "jqlFilter": jql} for jql in filters]
        found: list[Any] = self.call("POST", url=url, webhooks=requested).json()["webhookRegistrationResult"]
        return found


@pytest.fixture
def app(gateway: Atlassian) -> App:
    """Return an app."""
    return App(gateway)


def test_a_webhook_has_a_jwt_and_the_ids_of_matched_webhooks(
    app: App, jira: Jira, receiver: Receiver, gateway: Atlassian, clock: SteppedClock
) -> None:
    """Only issues that match the filter after the change, and only the registered events."""
    shop, pay = jira.project("SHOP"), jira.project("PAY")
    (made,) = app.register(receiver.url, "project = SHOP AND issuetype != Bug")
    shop.create_issue("A bug", type="Bug").start()
    pay.create_issue("Elsewhere").start()
    issue = shop.create_issue("Pay")
    issue.start()
    (message,) = receiver.received
    assert message.json["matchedWebhookIds"] == [made["createdWebhookId"]]
    assert message.json["issue"]["key"] == issue.key
    kind, _, proof = message.headers["Authorization"].partition(" ")
    claims = jwt.decode(proof, gateway.client_secret, algorithms=["HS256"], options={"verify_exp": False})
    assert (kind, claims["iss"], claims["iat"]) == ("Bearer", gateway.client_id, int(clock().timestamp()))
    assert "X-Hub-Signature" not in message.headers
    issue.move(pay)
    assert len(receiver.received) == 1, "who left the filter is not told of"


def test_a_forged_token_is_another(app: App, jira: Jira, receiver: Receiver, gateway: Atlassian) -> None:
    """And one left out is none."""
    shop = jira.project("SHOP")
    app.register(receiver.url, "project = SHOP", events=("jira:issue_created",))
    jira.webhooks.forge_next()
    shop.create_issue("Pay")
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(receiver.received[0].headers["Authorization"][7:], gateway.client_secret, algorithms=["HS256"])
    jira.webhooks.unsign_next()
    shop.create_issue("Pay")
    assert "Authorization" not in receiver.received[1].headers


def test_a_webhook_dies_after_thirty_days_unless_it_is_refreshed(
    app: App, jira: Jira, receiver: Receiver, clock: SteppedClock
) -> None:
    """Unknown ids are ignored, so only the list shows it."""
    shop = jira.project("SHOP")
    (one,), (other,) = (app.register(receiver.url, f"project = {key}") for key in ("SHOP", "10100"))
    clock.step(timedelta(days=20).total_seconds())
    answer = app.call("PUT", "/refresh", webhookIds=[one["createdWebhookId"], 999]).json()
    assert datetime.fromtimestamp(answer["expirationDate"] / 1000, UTC) - clock() >= timedelta(days=29, hours=23)
    clock.step(timedelta(days=10).total_seconds())
    listed = app.call("GET").json()
    assert [hook["id"] for hook in listed["values"]] == [one["createdWebhookId"]]
    shop.create_issue("Pay").start()
    assert [message.json["matchedWebhookIds"] for message in receiver.received] == [[one["createdWebhookId"]]]
    clock.step(timedelta(days=20).total_seconds())
    shop.create_issue("Pay").start()
    assert len(receiver.received) == 1
    assert app.call("GET").json()["total"] == 0
    assert other["createdWebhookId"] != one["createdWebhookId"]


def test_a_removed_webhook_gets_nothing(app: App, jira: Jira, receiver: Receiver) -> None:
    """And makes room."""
    found = app.register(receiver.url, *["project = SHOP"] * 6) if jira.project("SHOP") else []
    assert [set(one) for one in found] == [{"createdWebhookId"}] * 5 + [{"errors"}]
    ids = [one["createdWebhookId"] for one in found[:5]]
    assert app.call("DELETE", webhookIds=ids).status_code == 202
    jira.project("SHOP").create_issue("Pay").start()
    assert receiver.received == []
    assert "createdWebhookId" in app.register(receiver.url, "project = SHOP")[0]


@pytest.mark.parametrize(
    ("jql", "events", "says"),
    [
        ("labels = ui", ("jira:issue_updated",), "may not use 'labels ='"),
        ("project ~ SHOP", ("jira:issue_updated",), "may not use 'project ~'"),
        ("", ("jira:issue_updated",), "is required"),
        ("project =", ("jira:issue_updated",), "before the end"),
        ("project = NONE", ("jira:issue_updated",), "does not exist"),
        ("project = SHOP", ("project_updated",), "not supported"),
        ("project = SHOP", (), "not supported"),
    ],
)
def test_errors_are_returned_for_each_webhook(
    app: App, jira: Jira, jql: str, events: tuple[str, ...], says: str
) -> None:
    """The response is a success."""
    jira.project("SHOP")
    (found,) = app.register("https://example.com/hooks", jql, events=events)
    assert says in found["errors"][0]


def test_an_app_has_one_address(app: App, jira: Jira) -> None:
    """One left over from before blocks another."""
    jira.project("SHOP")
    app.register("https://example.com/old", "project = SHOP")
    assert "single URL" in app.register("https://example.com/new", "project = SHOP")[0]["errors"][0]


def test_a_private_app_gets_nothing_if_its_owner_did_not_consent(
    app: App, jira: Jira, receiver: Receiver, gateway: Atlassian
) -> None:
    """Only its owner's registration works, and no error says so."""
    gateway.consenter_is_owner = False
    jira.project("SHOP")
    assert "createdWebhookId" in app.register(receiver.url, "project = SHOP")[0]
    jira.project("SHOP").create_issue("Pay").start()
    assert receiver.received == []


@pytest.mark.parametrize("body", [{"url": 1}, {"url": "x", "webhooks": [1]}, {"webhookIds": "1"}])
def test_a_body_of_another_shape_is_refused(app: App, body: dict[str, Any]) -> None:
    """For every call."""
    assert [app.call(method, **body).status_code for method in ("POST", "DELETE")] == [400, 400]
    assert app.call("PUT", "/refresh").status_code == 400


def test_api_tokens_can_not_register_webhooks(jira: Jira) -> None:
    """Only apps may."""
    url = f"{jira.url}/rest/api/3/webhook"
    assert requests.get(url, auth=(jira.email, jira.token), timeout=5).status_code == 403


def test_answers_are_as_we_and_atlassian_describe_them(app: App, jira: Jira) -> None:
    """Of every call, with errors among them."""
    jira.project("SHOP")
    url = "https://example.com/hooks"
    requested = [{"events": ["jira:issue_updated"], "jqlFilter": jql} for jql in ("project = SHOP", "labels = ui")]
    registered = app.call("POST", url=url, webhooks=requested).json()
    listed = app.call("GET").json()
    refreshed = app.call("PUT", "/refresh", webhookIds=[listed["values"][0]["id"]]).json()
    ours = {"registered": registered, "hooks": listed, "refreshed": refreshed}
    for name, answer in ours.items():
        check(answer, REST, f"/$defs/{name}")
    theirs = ("ContainerForRegisteredWebhooks", "PageBeanWebhook", "WebhooksExpirationDate")
    for name, answer in zip(theirs, ours.values(), strict=True):
        check(answer, shared("openapi/jira-cloud-v3.json"), f"/components/schemas/{name}")


@pytest.mark.parametrize("background", [True, False])
def test_hours_of_retries_pass_as_the_clock_is_stepped(
    receiver: Receiver,
    clock: SteppedClock,
    background: bool,  # noqa: FBT001
) -> None:
    """Five retries, 5 to 15 minutes apart, with one identifier."""
    receiver.answers.extend([503] * 6)
    with Jira(clock=clock, background=background, retry_delay=real_retry_delay, by_clock=True) as jira:
        jira.add_hook(url=receiver.url)
        jira.project("SHOP").create_issue("Pay")
        jira.flush()
        for attempt in range(1, 6):
            clock.step(299)
            jira.webhooks.send_due()
            jira.flush()
            assert len(receiver.received) == attempt
            clock.step(901 - 299)
            jira.webhooks.send_due()
            jira.flush()
            assert len(receiver.received) == attempt + 1
        clock.step(86_400)
        jira.webhooks.send_due()
        jira.flush()
    assert len({message.headers["X-Atlassian-Webhook-Identifier"] for message in receiver.received}) == 1
    assert len(receiver.received) == 6
