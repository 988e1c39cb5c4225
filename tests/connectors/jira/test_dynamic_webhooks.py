"""The webhooks of an OAuth app: registered, kept alive, read back, and made anew when Jira forgot them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

from connectors.http import HttpClient
from connectors.jira import Jira
from connectors.jira.setup.webhook_filter import project_filter
from sync_service.domain.trackers.capabilities import TaskResult
from sync_service.domain.trackers.connector import Connection, OAuthClient, Unavailable
from sync_service.domain.trackers.observations import ScopeRef

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
BASE = "https://api.atlassian.com/ex/jira/cloud-7/rest/api/3/webhook"
CONNECTION = Connection(
    slug="j",
    site="https://acme.atlassian.net",
    client=OAuthClient("cid", "hush"),
    token="hour",
    site_id="cloud-7",
    hook_url="https://okr.example/hooks/j",
)
SHOP, PAY = ScopeRef("10001", "SHOP"), ScopeRef("10002", "PAY")
EVENTS = ["jira:issue_created", "jira:issue_updated", "jira:issue_deleted", "comment_created"]


class Registered:
    """What Jira has registered, as it answers by turns."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self.mock = mock
        self.hooks: list[dict[str, Any]] = []
        mock.add_callback(responses.GET, BASE, self._list)

    def add(self, id_: int, jql: str, *, days: float, events: list[str] | None = None) -> None:
        """Register one that lives for so many days."""
        until = int((NOW + timedelta(days=days)).timestamp() * 1000)
        self.hooks.append({"id": id_, "jqlFilter": jql, "events": events or EVENTS, "expirationDate": until})

    def _list(self, request: Any) -> tuple[int, dict[str, str], str]:
        start = int(request.params["startAt"])
        values = self.hooks[start : start + 2]
        page = {"startAt": start, "values": values, "isLast": start + 2 >= len(self.hooks)}
        return 200, {}, json.dumps(page)

    def sent(self, method: str) -> list[Any]:
        """Give the bodies of the calls by a method."""
        return [json.loads(call.request.body or b"") for call in self.mock.calls if call.request.method == method]


@pytest.fixture
def jira() -> Iterator[Registered]:
    """Stand in for Jira."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield Registered(mock)


def run(*scopes: ScopeRef, memory: str | None = None) -> TaskResult:
    """Run the errand."""
    connector = Jira(HttpClient(now=lambda: NOW))
    (name,) = connector.scheduled_tasks(CONNECTION)
    return connector.run_task(CONNECTION, name=name, scopes=scopes, memory=memory)


def test_only_an_oauth_apps_connection_has_the_errand() -> None:
    """An administrator's webhooks live until they are removed."""
    assert Jira().scheduled_tasks(Connection(slug="j", site="https://acme.atlassian.net", token="t")) == {}


def test_one_webhook_brings_all_watched_projects_here(jira: Registered) -> None:
    """It is registered once, and believed only when it is listed."""

    def register(request: Any) -> tuple[int, dict[str, str], str]:
        jira.add(1000, json.loads(request.body)["webhooks"][0]["jqlFilter"], days=30)
        return 200, {}, json.dumps({"webhookRegistrationResult": [{"createdWebhookId": 1000}]})

    jira.mock.add_callback(responses.POST, BASE, register)
    ran = run(SHOP, PAY)
    assert ran == TaskResult(outcome="registered, for PAY, SHOP, until 2026-12-25", memory="[1000]")
    (wanted,) = jira.sent("POST")
    assert wanted["url"] == "https://okr.example/hooks/j"
    assert wanted["webhooks"][0]["jqlFilter"] == 'project in ("PAY", "SHOP")'
    assert {"jira:issue_deleted", "comment_deleted", "sprint_closed"} <= set(wanted["webhooks"][0]["events"])
    again = TaskResult(outcome="registered earlier, for PAY, SHOP, until 2026-12-25", memory="[1000]")
    assert run(SHOP, PAY, memory=ran.memory) == again
    assert len(jira.sent("POST")) == 1


def test_a_jira_that_does_not_know_newer_events_is_asked_for_the_others(jira: Registered) -> None:
    """By a 400 for the whole, or an error for the one."""
    refused = {"errorMessages": ["Invalid event sprint_created"]}
    jira.mock.post(BASE, status=400, json=refused)
    jira.mock.post(BASE, json={"webhookRegistrationResult": [{"createdWebhookId": 7}]})
    ran = run(SHOP)
    assert [len(body["webhooks"][0]["events"]) for body in jira.sent("POST")] == [15, 6]
    assert (ran.memory, ran.next_run_in) == (None, timedelta(hours=1))
    assert "lists no webhook" in ran.outcome


def test_what_jira_says_against_a_webhook_is_told(jira: Registered) -> None:
    """Five for an app, a user and a site is the most."""
    jira.mock.post(BASE, json={"webhookRegistrationResult": [{"errors": ["Limit of 5 reached", 7]}]})
    said = "Jira does not register the webhook: Limit of 5 reached; will retry"
    assert run(SHOP) == TaskResult(outcome=said, next_run_in=timedelta(hours=1))
    jira.mock.replace(responses.POST, BASE, json={"webhookRegistrationResult": []})
    assert "without a reason" in run(SHOP).outcome


def test_a_webhook_stays_until_there_is_another(jira: Registered) -> None:
    """A new project that Jira refuses must not make us deaf for the others, and nothing is forgotten."""
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


def test_a_webhook_is_refreshed_long_before_it_ends_and_read_back(jira: Registered) -> None:
    """Jira ignores ids it does not know, so only the list tells."""
    jira.add(1, "project in (SHOP)", days=22)

    def refresh(_request: Any) -> tuple[int, dict[str, str], str]:
        jira.hooks.clear()
        jira.add(1, "project in (SHOP)", days=30)
        return 200, {}, json.dumps({"expirationDate": 1})

    jira.mock.add_callback(responses.PUT, f"{BASE}/refresh", refresh)
    assert run(SHOP, memory="[1]").outcome == "refreshed, for SHOP, until 2026-12-25"
    assert jira.sent("PUT") == [{"webhookIds": [1]}]


def test_a_refresh_that_changed_nothing_is_tried_again_soon(jira: Registered) -> None:
    """Silence for a month is what must not happen."""
    jira.add(1, "project in (SHOP)", days=3)
    jira.mock.put(f"{BASE}/refresh", json={"expirationDate": 1})
    ran = run(SHOP, memory="[1]")
    assert ran.next_run_in == timedelta(hours=1)
    assert ran.outcome == "Jira did not refresh the webhook, which expires 2026-11-28; will retry"


def test_a_webhook_for_former_scopes_is_replaced(jira: Registered) -> None:
    """Only what we registered is removed."""
    jira.add(1, "project in (SHOP)", days=30)
    jira.add(2, "project = OTHER", days=30)
    jira.add(3, "project in (PAY, SHOP)", days=30)
    jira.mock.delete(BASE, status=202)
    ran = run(SHOP, PAY, memory="[1]")
    assert ran.memory == "[3]"
    assert jira.sent("DELETE") == [{"webhookIds": [1]}]


def test_a_long_filter_is_known_again(jira: Registered) -> None:
    """Else another webhook would be registered each time."""
    scopes = [ScopeRef(str(number), f"PROJECT{number:04}") for number in range(2000)]
    jira.add(1, project_filter(sorted(scope.name for scope in scopes)), days=30)
    assert run(*scopes, memory="[1]").outcome.startswith("registered earlier, for PROJECT0000")
    assert jira.sent("POST") == []


def test_without_projects_there_is_no_webhook(jira: Registered) -> None:
    """A filter that names none would bring everything, or nothing."""
    jira.add(1, "project in (SHOP)", days=30)
    jira.mock.delete(BASE, status=202)
    assert run(ScopeRef("1", "no key!"), memory="[1]") == TaskResult(
        outcome="the connection watches no project, so there is no webhook", memory="[]"
    )
    assert jira.sent("DELETE") == [{"webhookIds": [1]}]


def test_one_that_lacks_an_event_we_need_does_not_do(jira: Registered) -> None:
    """It would be deaf for deletions."""
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
def test_a_consent_without_webhooks_goes_on_without_them(status: int, body: dict[str, Any]) -> None:
    """Looking and listing work all the same, so the connection is not refused, by the gateway or by Jira."""
    with responses.RequestsMock() as mock:
        mock.get(BASE, status=status, json=body)
        ran = run(SHOP, memory="[1]")
    assert "manage:jira-webhook" in ran.outcome
    assert "scope does not match" in ran.outcome
    assert ran.memory == "[1]"


def test_limits_and_troubles_are_waited_for() -> None:
    """As with every other call."""
    with responses.RequestsMock() as mock:
        mock.get(BASE, status=429, headers={"Retry-After": "9"})
        with pytest.raises(Unavailable) as error:
            run(SHOP)
    assert error.value.retry_at == NOW + timedelta(seconds=9)


def test_what_jira_answers_out_of_form_counts_as_no_webhook(jira: Registered) -> None:
    """And a list without end is left at some point."""
    jira.hooks = [{"id": "x", "jqlFilter": 7, "events": "all"}, {"id": 9, "events": [3]}]
    jira.mock.post(BASE, json={"webhookRegistrationResult": [{"createdWebhookId": 2}]})
    assert "lists no webhook" in run(SHOP).outcome
