"""The simulated GitHub as an Enterprise Server: another root, fewer features, no rate limits."""

from collections.abc import Iterator

import pytest
import requests

from simulator import GitHub, SteppedClock
from simulator.github import Issue, Rules
from tests.simulator.github.rest_client import app_jwt, call, create_token, page_url
from tests.simulator.openapi_schemas import GITHUB_WEBHOOKS, check
from tests.simulator.receiver import Receiver

ISSUE = "/repos/acme/checkout/issues/1"
DAY = 86_400


@pytest.fixture
def server(clock: SteppedClock) -> Iterator[GitHub]:
    """Return an Enterprise Server that delivers before each operation returns."""
    with GitHub("acme", ghes="3.17", clock=clock, background=False) as server:
        yield server


@pytest.fixture
def issue(server: GitHub, receiver: Receiver) -> Issue:
    """Return an issue whose repository has a hook to the receiver."""
    repo = server.repository("checkout")
    server.add_hook(repo, url=receiver.url)
    receiver.forget()
    return repo.create_issue("Pay", labels=["ui"], type="Bug")


def test_the_api_is_under_a_root_of_its_own(server: GitHub, issue: Issue) -> None:
    """So are all URLs in its responses; pages for people are not."""
    assert server.api_url == f"{server.url}/api/v3"
    answer = call(server, ISSUE)
    assert (answer.status_code, answer.headers["X-GitHub-Enterprise-Version"]) == (200, "3.17.0")
    shown = answer.json()
    assert shown["url"] == server.api_url + ISSUE
    assert shown["user"]["url"] == f"{server.api_url}/users/anaruiz"
    assert shown["html_url"] == f"{server.url}/acme/checkout/issues/1"
    assert requests.get(shown["html_url"], timeout=10).status_code == 200
    assert call(server, server.url + ISSUE).status_code == 404
    listed = call(server, f"/repositories/{issue.repository.id}/issues?per_page=1&state=all")
    assert (listed.status_code, page_url(listed)) == (200, "")
    issue.repository.rename("shop")
    assert call(server, ISSUE).headers["Location"] == f"{server.api_url}/repositories/{issue.repository.id}/issues/1"


def test_graphql_has_its_own_address(server: GitHub, issue: Issue) -> None:
    """And lacks what the server lacks."""
    query = '{ repository(owner: "acme", name: "checkout") { issue(number: 1) { title%s } } }'
    assert server.graphql_url == f"{server.url}/api/graphql"
    known = call(server, server.graphql_url, method="POST", json={"query": query % ""})
    assert known.json()["data"]["repository"]["issue"] == {"title": "Pay"}
    for news in ("issueType { name }", "parent { id }", "subIssues(first: 1) { totalCount }"):
        answer = call(server, server.graphql_url, method="POST", json={"query": query % f" {news}"}).json()
        assert "Cannot query field" in answer["errors"][0]["message"]


def test_unknown_fields_and_events_are_left_out(server: GitHub, issue: Issue, receiver: Receiver) -> None:
    """No sub-issues, no fields, no types."""
    child = issue.repository.create_issue("Form")
    issue.add_sub_issue(child)
    issue.set_field("Points", 5)
    issue.clear_field("Points")
    issue.set_type(None)
    issue.close()
    assert set(receiver.names) == {"label.created", "issues.opened", "issues.labeled", "issues.closed"}
    news = {"sub_issues_summary", "parent_issue_url", "issue_field_values", "issue_dependencies_summary", "type"}
    for shown in (receiver.last["issue"], call(server, ISSUE).json(), *call(server, f"{ISSUE[:-2]}?state=all").json()):
        assert news.isdisjoint(shown)
        assert shown["user"]["type"] == "User"
    for path in (f"{ISSUE}/sub_issues", f"{ISSUE}/parent", f"{ISSUE}/issue-field-values", "/orgs/acme/issue-types"):
        assert call(server, path).status_code == 404


def test_its_messages_name_it_and_are_as_github_describes(server: GitHub, issue: Issue, receiver: Receiver) -> None:
    """By two headers."""
    issue.close()
    for each in receiver.received:
        assert each.headers["X-GitHub-Enterprise-Version"] == "3.17.0"
        assert each.headers["X-GitHub-Enterprise-Host"] == "127.0.0.1"
        check(each.json, GITHUB_WEBHOOKS, f"/components/schemas/webhook-{each.name.replace('.', '-')}")


def test_nothing_is_limited_by_default(server: GitHub, issue: Issue) -> None:
    """Then as on github.com."""
    assert not any(name.lower().startswith("x-ratelimit") for name in call(server, ISSUE).headers)
    off = call(server, "/rate_limit")
    assert (off.status_code, off.json()["message"]) == (404, "Rate limiting is not enabled.")
    server.limits.switch_on(Rules(core=1))
    assert [call(server, ISSUE).status_code for _ in range(2)] == [200, 403]
    assert call(server, "/rate_limit").json()["resources"]["core"]["remaining"] == 0


def test_a_version_of_the_api_that_it_does_not_know_is_400(server: GitHub, issue: Issue) -> None:
    """It is older than the newest."""
    statuses = [call(server, ISSUE, X_GitHub_Api_Version=each).status_code for each in ("2022-11-28", "2026-03-10")]
    assert statuses == [200, 400]


def test_apps_work_there_with_short_tokens(server: GitHub, issue: Issue) -> None:
    """And with hooks and deliveries."""
    app = server.create_app(permissions={"issues": "read"})
    token = create_token(app.install()).json()["token"]
    assert len(token) == 40
    assert call(server, ISSUE, token=token).status_code == 200
    assert call(server, "/app", token=app_jwt(app)).json()["slug"] == "okr-sync"
    assert requests.post(f"{server.api_url}/app-manifests/none/conversions", timeout=10).status_code == 404


def test_it_waits_longer_and_keeps_its_log_longer(server: GitHub, issue: Issue, clock: SteppedClock) -> None:
    """Thirty seconds and a week, and more hooks for an event."""
    log = f"/repos/acme/checkout/hooks/{server.hooks[0].id}/deliveries"
    assert server.webhooks.timeout == 30
    clock.step(6 * DAY)
    assert len(call(server, log).json()) == len(server.deliveries)
    clock.step(DAY)
    assert call(server, log).json() == []
    for number in range(21):
        config = {"url": f"http://127.0.0.1:1/{number}"}
        made = call(server, "/repos/acme/checkout/hooks", method="POST", json={"config": config, "active": False})
        assert made.status_code == 201
        assert made.json()["url"].startswith(server.api_url)
