"""Dynamic webhooks of an OAuth app: register, refresh, read back, and register again."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

from connectors.http import HttpClient
from connectors.jira import Jira
from connectors.jira.setup.dynamic_webhooks import TASK_NAME
from connectors.jira.setup.webhook_filter import project_filter
from sync_service.domain.trackers.capabilities import TaskResult
from sync_service.domain.trackers.connector import Connection, OAuthClient, Unavailable
from sync_service.domain.trackers.observations import ScopeRef

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
BASE = "https://api.atlassian.com/ex/jira/cloud-7/rest/api/3/webhook"
CONNECTION = Connection(
    slug="j",
    site="https://acme.atlassian.net",
    client=OAuthClient("cid", "hush-hush"),
    token="hour",
    site_id="cloud-7",
    hook_url="https://okr.example/hooks/j",
)
SHOP, PAY = ScopeRef("10001", "SHOP"), ScopeRef("10002", "PAY")
EVENTS = ["jira:issue_created", "jira:issue_updated", "jira:issue_deleted", "comment_created"]


class Registered:
    """The webhooks that Jira has registered, with its responses."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self.mock = mock
        self.hooks: list[dict[str, Any]] = []
        mock.add_callback(responses.GET, BASE, self._list)

    def add(self, id_: int, jql: str, *, days: float, events: list[str] | None = None) -> None:
        """Register a webhook that expires after this many days."""
        until = int((NOW + timedelta(days=days)).timestamp() * 1000)
        self.hooks.append({"id": id_, "jqlFilter": jql, "events": events or EVENTS, "expirationDate": until})

    def _list(self, request: Any) -> tuple[int, dict[str, str], str]:
        start = int(request.params["startAt"])
        values = self.hooks[start : start + 2]
        page = {"startAt": start, "values": values, "isLast": start + 2 >= len(self.hooks)}
        return 200, {}, json.dumps(page)

    def sent(self, method: str) -> list[Any]:
        """Return the bodies of the calls with this method."""
        return [json.loads(call.request.body or b"") for call in self.mock.calls if call.request.method == method]


@pytest.fixture
def jira() -> Iterator[Registered]:
    """Yield a stub of Jira."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield Registered(mock)


def run(*scopes: ScopeRef, memory: str | None = None) -> TaskResult:
    """Run the scheduled task."""
    connector = Jira(HttpClient(now=lambda: NOW))
    assert TASK_NAME in connector.scheduled_tasks(CONNECTION)
    return connector.run_task(CONNECTION, name=TASK_NAME, scopes=scopes, memory=memory)


def test_only_a_connection_with_an_oauth_app_has_the_task() -> None:
    """An administrator's webhooks never expire."""
    by_token = Connection(slug="j", site="https://acme.atlassian.net", token="t")
    assert TASK_NAME not in Jira().scheduled_tasks(by_token)


def test_one_webhook_covers_all_watched_projects(jira: Registered) -> None:
    """It is registered once, and counts only when the list contains it."""

    def register(request: Any) -> tuple[int, dict[str, str], str]:
        jira.add(1000, json.loads(request.body)["webhooks"][0]["jqlFilter"], days=30)
        return 200, {}, json.dumps({"webhookRegistrationResult": [{"createdWebhookId": 1000}]})

    jira.mock.add_callback(responses.POST, BASE, register)
    ran = run(SHOP, PAY)
    assert ran == TaskResult(outcome="registered, for PAY, SHOP, until 2026-12-25", memory="[1000]")
    (registration,) = jira.sent("POST")
    assert registration["url"] == "https://okr.example/hooks/j"
    assert registration["webhooks"][0]["jqlFilter"] == 'project in ("PAY", "SHOP")'
    assert {"jira:issue_deleted", "comment_deleted", "sprint_closed"} <= set(registration["webhooks"][0]["events"])
    again = TaskResult(outcome="registered earlier, for PAY, SHOP, until 2026-12-25", memory="[1000]")
    assert run(SHOP, PAY, memory=ran.memory) == again
    assert len(jira.sent("POST")) == 1


def test_a_jira_without_newer_events_gets_the_others(jira: Registered) -> None:
    """It answers 400 for the whole request, or an error for one event."""
    refused = {"errorMessages": ["Invalid event sprint_created"]}
    jira.mock.post(BASE, status=400, json=refused)
    jira.mock.post(BASE, json={"webhookRegistrationResult": [{"createdWebhookId": 7}]})
    ran = run(SHOP)
    assert [len(body["webhooks"][0]["events"]) for body in jira.sent("POST")] == [15, 6]
    assert (ran.memory, ran.next_run_in) == (None, timedelta(hours=1))
    assert "lists no webhook" in ran.outcome


def test_a_refused_registration_is_reported_in_jira_s_words(jira: Registered) -> None:
    """The limit is five webhooks for an app, a user and a site."""
    jira.mock.post(BASE, json={"webhookRegistrationResult": [{"errors": ["Limit of 5 reached", 7]}]})
    outcome = "Jira does not register the webhook: Limit of 5 reached; will retry"
    assert run(SHOP) == TaskResult(outcome=outcome, next_run_in=timedelta(hours=1))
    jira.mock.replace(responses.POST, BASE, json={"webhookRegistrationResult": []})
    assert "without a reason" in run(SHOP).outcome


def test_a_webhook_stays_until_its_replacement_exists(jira: Registered) -> None:
    """If Jira refuses a new project, deliveries of the others must still arrive."""
    jira.add(1, "project in (SHOP)", days=30)
    jira.mock.post(BASE, status=400, json={"errorMessages": ["The value 'PAY' does not exist"]})
    ran = run(SHOP, PAY, memory="[1]")
    assert (ran.memory, ran.next_run_in) == ("[1]", timedelta(hours=1))
    assert "The value 'PAY' does not exist" in ran.outcome
    assert not jira.sent("DELETE")

    def register(_request: Any) -> tuple[int, dict[str, str], str]:
        jira.add(2, "project in (PAY, SHOP)", days=30)
        return 200, {}, json.dumps({"webhookRegistrationResult": [{"createdWebhookId": 2}]})

    jira.mock.remove(responses.POST, BASE)
    jira.mock.add_callback(responses.POST, BASE, register)
    jira.mock.delete(BASE, status=202)
    assert run(SHOP, PAY, memory=ran.memory).memory == "[2]"
    assert [call.request.method for call in jira.mock.calls][-3:] == ["POST", "GET", "DELETE"]


def test_a_webhook_is_refreshed_long_before_it_expires_and_read_back(jira: Registered) -> None:
    """Jira ignores unknown ids, so only the list proves the refresh."""
    jira.add(1, "project in (SHOP)", days=22)

    def refresh(_request: Any) -> tuple[int, dict[str, str], str]:
        jira.hooks.clear()
        jira.add(1, "project in (SHOP)", days=30)
        return 200, {}, json.dumps({"expirationDate": 1})

    jira.mock.add_callback(responses.PUT, f"{BASE}/refresh", refresh)
    assert run(SHOP, memory="[1]").outcome == "refreshed, for SHOP, until 2026-12-25"
    assert jira.sent("PUT") == [{"webhookIds": [1]}]


def test_a_refresh_without_effect_is_retried_soon(jira: Registered) -> None:
    """Otherwise a month without deliveries could follow."""
    jira.add(1, "project in (SHOP)", days=3)
    jira.mock.put(f"{BASE}/refresh", json={"expirationDate": 1})
    ran = run(SHOP, memory="[1]")
    assert ran.next_run_in == timedelta(hours=1)
    assert ran.outcome == "Jira did not refresh the webhook, which expires 2026-11-28; will retry"


def test_a_webhook_for_former_scopes_is_replaced(jira: Registered) -> None:
    """Only webhooks that we registered are removed."""
    jira.add(1, "project in (SHOP)", days=30)
    jira.add(2, "project = OTHER", days=30)
    jira.add(3, "project in (PAY, SHOP)", days=30)
    jira.mock.delete(BASE, status=202)
    ran = run(SHOP, PAY, memory="[1]")
    assert ran.memory == "[3]"
    assert jira.sent("DELETE") == [{"webhookIds": [1]}]


def test_a_long_filter_is_recognised(jira: Registered) -> None:
    """Otherwise another webhook would be registered each time."""
    scopes = [ScopeRef(str(number), f"PROJECT{number:04}") for number in range(2000)]
    jira.add(1, project_filter(sorted(scope.name for scope in scopes)), days=30)
    assert run(*scopes, memory="[1]").outcome.startswith("registered earlier, for PROJECT0000")
    assert jira.sent("POST") == []


def test_without_projects_there_is_no_webhook(jira: Registered) -> None:
    """A filter without projects would match everything, or nothing."""
    jira.add(1, "project in (SHOP)", days=30)
    jira.mock.delete(BASE, status=202)
    assert run(ScopeRef("1", "no key!"), memory="[1]") == TaskResult(
        outcome="the connection watches no project, so there is no webhook", memory="[]"
    )
    assert jira.sent("DELETE") == [{"webhookIds": [1]}]


def test_a_webhook_without_a_required_event_is_replaced(jira: Registered) -> None:
    """Otherwise deletions would be missed."""
    jira.add(1, "project in (SHOP)", days=30, events=["jira:issue_created"])
    jira.mock.post(BASE, json={"webhookRegistrationResult": [{"createdWebhookId": 2}]})
    run(SHOP)
    assert len(jira.sent("POST")) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"code": 401, "message": "Unauthorized; scope does not match"}),
        (403, {"errorMessages": ["scope does not match"]}),
    ],
)
def test_a_consent_without_webhook_permission_works_without_webhooks(status: int, body: dict[str, Any]) -> None:
    """Fetches and polls work, so neither a refusal by the gateway nor one by Jira refuses the connection."""
    with responses.RequestsMock() as mock:
        mock.get(BASE, status=status, json=body)
        ran = run(SHOP, memory="[1]")
    assert "manage:jira-webhook" in ran.outcome
    assert "scope does not match" in ran.outcome
    assert ran.memory == "[1]"


def test_rate_limits_and_outages_are_retried_later() -> None:
    """As for every other call."""
    with responses.RequestsMock() as mock:
        mock.get(BASE, status=429, headers={"Retry-After": "9"})
        with pytest.raises(Unavailable) as error:
            run(SHOP)
    assert error.value.retry_at == NOW + timedelta(seconds=9)


def test_an_invalid_response_counts_as_no_webhook(jira: Registered) -> None:
    """Rows with unexpected types are skipped, and the number of pages is limited."""
    jira.hooks = [{"id": "x", "jqlFilter": 7, "events": "all"}, {"id": 9, "events": [3]}]
    jira.mock.post(BASE, json={"webhookRegistrationResult": [{"createdWebhookId": 2}]})
    assert "lists no webhook" in run(SHOP).outcome


@pytest.mark.parametrize("errors", [7, True, "no", {"a": 1}, [7, {}, None], [["no"]]])
def test_a_malformed_answer_to_a_registration_is_tried_again(jira: Registered, errors: object) -> None:
    """Its reasons are no list of texts."""
    jira.mock.post(BASE, json={"webhookRegistrationResult": [{"errors": errors}, 7]})
    ran = run(SHOP)
    assert ran.outcome == "Jira does not register the webhook: without a reason; will retry"


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"null", b"[]", b"7", b'{"values": 7}', b'{"values": [7, {"id": []}]}']
)
def test_a_list_of_webhooks_that_is_none_ends_no_task(jira: Registered, body: bytes) -> None:
    """A proxy answers with a page; a value has another type."""
    jira.mock.remove(responses.GET, BASE)
    jira.mock.get(BASE, body=body)
    jira.mock.post(BASE, json={"webhookRegistrationResult": [{"createdWebhookId": 7}]})
    try:
        assert run(SHOP).next_run_in is not None
    except Unavailable:
        assert not body.startswith((b"n", b"[", b"7", b"{"))
