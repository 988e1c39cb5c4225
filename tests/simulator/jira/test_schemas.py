"""Check every webhook and response of the simulated Jira against our schemas, and Atlassian's where it is present."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from simulator import Jira
from tests.simulator.openapi_schemas import OURS, check, shared
from tests.simulator.receiver import Receiver

WEBHOOKS = OURS / "jira-webhooks.json"
REST = OURS / "jira-rest.json"
CLOUD = "openapi/jira-cloud-v3.json"
EVERY_MESSAGE = {"jira:issue_created", "jira:issue_updated", "jira:issue_deleted", "comment_created"}


def do_everything(jira: Jira, url: str) -> None:
    """Make every kind of change."""
    jira.add_hook(url=url)
    shop = jira.project("SHOP", "Shop")
    epic = shop.create_issue("Checkout", type="Epic")
    issue = shop.create_issue(
        "Pay", description="By card", labels=["ui"], components=["payments"], assignee="bruno", parent=epic, points=3
    )
    shop.create_issue("Test it", type="Sub-task", parent=issue)
    issue.edit(summary="Pay by card")
    issue.start()
    issue.finish()
    issue.reopen(leave_resolution=True)
    issue.finish(resolution=None)
    issue.reopen()
    issue.drop()
    issue.label("late")
    issue.unlabel("ui")
    issue.assign(None)
    issue.set_points(5)
    issue.set_parent(None)
    issue.set_parent(epic)
    issue.comment("Nearly there")
    issue.move(jira.project("PAY", "Payments"))
    issue.delete()


@pytest.mark.parametrize("face", ["cloud", "data center"])
def test_every_message_is_as_we_describe_it(receiver: Receiver, face: str) -> None:
    """All kinds, on Cloud and on Data Center."""
    with Jira(background=False, data_center=face == "data center") as jira:
        do_everything(jira, receiver.url)
    assert set(receiver.names) == EVERY_MESSAGE
    for message in receiver.received:
        check(message.json, WEBHOOKS, f"/$defs/{message.name}")


@pytest.mark.parametrize(
    ("message", "lie"),
    [
        ("jira:issue_updated", {"changelog": {"id": "1", "items": []}}),
        ("jira:issue_updated", {"issue": {"id": 10100}}),
        ("jira:issue_created", {"timestamp": 1_700_000_000}),
        ("jira:issue_deleted", {"changelog": None}),
        ("comment_created", {"comment": {"body": {"type": "doc"}}}),
    ],
)
def test_a_wrong_message_is_found_out(jira: Jira, receiver: Receiver, message: str, lie: dict[str, Any]) -> None:
    """So that the tests here can fail."""
    do_everything(jira, receiver.url)
    true = next(each for each in receiver.received if each.name == message)
    with pytest.raises(AssertionError, match=r"\$"):
        check({**true.json, **lie}, WEBHOOKS, f"/$defs/{message}")


def _recorded() -> list[Path]:
    return sorted(shared("payloads/jira").glob("*.json"))


def test_our_descriptions_fit_recorded_messages() -> None:
    """So the schemas fit real webhooks, not only the simulator's."""
    fitting = set()
    for path in _recorded():
        recorded = json.loads(path.read_text())
        if recorded["webhookEvent"] in EVERY_MESSAGE and not _is_of_old(recorded):
            check(recorded, WEBHOOKS, f"/$defs/{recorded['webhookEvent']}")
            fitting.add(path.name)
    assert len(fitting) > 10


def test_nothing_is_missing_that_recorded_issues_have(receiver: Receiver) -> None:
    """Except custom fields of other sites, and comments and worklogs, which are no state of the issue."""
    simulated = {}
    for data_center in (False, True):
        with Jira(background=False, data_center=data_center) as jira:
            jira.add_hook(url=receiver.url)
            jira.project("SHOP").create_issue("Pay").start()
        simulated[data_center] = receiver.last["issue"]["fields"]
    compared = 0
    for path in _recorded():
        recorded = json.loads(path.read_text())
        if recorded["webhookEvent"].startswith("jira:issue"):
            ours, theirs = simulated["accountId" not in recorded["user"]], recorded["issue"]["fields"]
            missing = {name for name in set(theirs) - set(ours) if not name.startswith("customfield_")}
            for field_name in ("issuetype", "project", "status", "priority"):
                missing |= {f"{field_name}.{name}" for name in set(theirs[field_name]) - set(ours[field_name])}
            assert missing <= {"comment", "worklog"}, f"{path.name} has {sorted(missing)}"
            compared += 1
    assert compared > 20


def _is_of_old(recorded: dict[str, Any]) -> bool:
    """Return whether a server sent it that did not yet name the type of an update."""
    return recorded["webhookEvent"] == "jira:issue_updated" and "issue_event_type_name" not in recorded


def _ask(jira: Jira, path: str) -> Any:
    if jira.data_center:
        headers, auth = {"Authorization": f"Bearer {jira.token}"}, None
    else:
        headers, auth = {}, (jira.email, jira.token)
    return requests.get(f"{jira.url}/rest/api/{path}", headers=headers, auth=auth, timeout=5).json()


def _post(jira: Jira, path: str, body: Any) -> Any:
    auth = (jira.email, jira.token)
    return requests.post(f"{jira.url}/rest/api/{path}", json=body, auth=auth, timeout=5).json()


def _bulk(jira: Jira, *names: str) -> Any:
    return requests.post(
        f"{jira.url}/rest/api/3/issue/bulkfetch",
        json={"issueIdsOrKeys": names, "fields": ["summary", "status"]},
        auth=(jira.email, jira.token),
        timeout=5,
    ).json()


@pytest.mark.parametrize("face", ["cloud", "data center"])
def test_answers_of_version_2_are_as_we_describe_them(receiver: Receiver, face: str) -> None:
    """Cloud and Data Center have it."""
    with Jira(background=False, data_center=face == "data center") as jira:
        shop = jira.project("SHOP")
        shop.create_issue("Pay", description="By card", assignee="bruno", points=3).finish()
        check(_ask(jira, "2/issue/SHOP-1"), REST, "/$defs/issueVersion2")
        check(_ask(jira, "2/field"), REST, "/$defs/fields")
        check(_ask(jira, "2/myself"), REST, "/$defs/myself")
        check(_ask(jira, "2/issue/SHOP-9"), REST, "/$defs/error")


def test_answers_of_version_3_are_as_we_describe_them(jira: Jira) -> None:
    """Rich text is a document there."""
    jira.project("SHOP").create_issue("Pay", description="By card", assignee="bruno", points=3).finish()
    check(_ask(jira, "3/issue/SHOP-1"), REST, "/$defs/issueVersion3")
    check(_ask(jira, "3/field"), REST, "/$defs/fields")
    check(_ask(jira, "3/myself"), REST, "/$defs/myself")
    check(_bulk(jira, "SHOP-1", "SHOP-9"), REST, "/$defs/bulk")


def test_answers_are_as_atlassian_describes_them(jira: Jira) -> None:
    """Where its description is beside the repository."""
    document = shared(CLOUD)
    jira.project("SHOP").create_issue("Pay", description="By card", assignee="bruno", points=3).finish()
    schemas = "/components/schemas"
    issue = _ask(jira, "3/issue/SHOP-1")
    check(issue, document, f"{schemas}/IssueBean")
    check(issue["fields"]["status"], document, f"{schemas}/StatusDetails")
    check(issue["fields"]["project"], document, f"{schemas}/ProjectDetails")
    check(issue["fields"]["issuetype"], document, f"{schemas}/IssueTypeDetails")
    check(issue["fields"]["assignee"], document, f"{schemas}/UserDetails")
    for field in _ask(jira, "3/field"):
        check(field, document, f"{schemas}/FieldDetails")
    check(_ask(jira, "3/myself"), document, f"{schemas}/User")
    check(_bulk(jira, "SHOP-1", "SHOP-9"), document, f"{schemas}/BulkIssueResults")


EVERY_QUERY = [
    "project = SHOP AND updated >= 1700000000000 ORDER BY updated ASC, key",
    'NOT (labels in (ui, EMPTY) OR summary ~ "Pay") AND assignee = currentUser() AND "Story Points" is not EMPTY',
    "summary !~ card ORDER BY priority DESC",
    "nothing = 1",
    "key =",
]


def _leaves(parsed: Any) -> list[Any]:
    """Return the clauses of one field each, wherever they are."""
    if isinstance(parsed, list):
        return [leaf for each in parsed for leaf in _leaves(each)]
    if not isinstance(parsed, dict):
        return []
    return [parsed] if "operand" in parsed else _leaves(list(parsed.values()))


def _without_trees(parsed: Any) -> Any:
    """Remove the syntax trees: Atlassian's schema of a clause contradicts itself."""
    return {"queries": [{**query, "structure": {}} if "structure" in query else query for query in parsed["queries"]]}


def test_searches_and_queries_are_as_we_and_atlassian_describe_them(jira: Jira) -> None:
    """Pages, counts, syntax trees and matches."""
    shop = jira.project("SHOP")
    for number in range(3):
        shop.create_issue(f"Pay {number}", description="By card", assignee="bruno", points=3).finish()
    schemas, document = "/components/schemas", shared(CLOUD)
    jql = "project = SHOP ORDER BY updated"
    for payload in ({}, {"fields": ["*all"], "maxResults": 2, "expand": "names"}, {"fields": ["key"], "maxResults": 1}):
        page = _post(jira, "3/search/jql", {"jql": jql, **payload})
        check(page, REST, "/$defs/cloudPage")
        check(page, document, f"{schemas}/SearchAndReconcileResults")
    count = _post(jira, "3/search/approximate-count", {"jql": jql})
    check(count, REST, "/$defs/count")
    check(count, document, f"{schemas}/JQLCountResultsBean")
    for validation in ("strict", "warn", "none"):
        parsed = _post(jira, f"3/jql/parse?validation={validation}", {"queries": EVERY_QUERY})
        check(parsed, REST, "/$defs/parsed")
        for clause in _leaves(parsed):
            check(clause, document, f"{schemas}/FieldValueClause")
        check(_without_trees(parsed), document, f"{schemas}/ParsedJqlQueries")
    ids = [int(id_) for id_ in jira.issues]
    matched = _post(jira, "3/jql/match", {"jqls": EVERY_QUERY, "issueIds": ids})
    check(matched, REST, "/$defs/matches")
    check(matched, document, f"{schemas}/IssueMatches")
    check(_post(jira, "3/search/jql", {"jql": "key ="}), document, f"{schemas}/ErrorCollection")


@pytest.mark.parametrize("face", ["cloud", "data center"])
def test_servers_and_projects_are_as_we_describe_them(face: str) -> None:
    """On Cloud and on Data Center, which also has a total."""
    with Jira(background=False, data_center=face == "data center") as jira:
        jira.project("SHOP").create_issue("Pay")
        check(_ask(jira, "2/serverInfo"), REST, "/$defs/serverInfo")
        check(_ask(jira, "2/project/SHOP"), REST, "/$defs/project")
        if jira.data_center:
            check(_ask(jira, "2/search?jql=project=SHOP&expand=names"), REST, "/$defs/dataCenterPage")


def test_servers_and_projects_are_as_atlassian_describes_them(jira: Jira) -> None:
    """Where its description is beside the repository."""
    jira.project("SHOP")
    check(_ask(jira, "3/serverInfo"), shared(CLOUD), "/components/schemas/ServerInformation")
    check(_ask(jira, "3/project/SHOP"), shared(CLOUD), "/components/schemas/Project")


def test_a_page_of_projects_is_as_atlassian_describes_it(jira: Jira) -> None:
    """Where the description is at hand."""
    jira.project("SHOP", "Shop")
    jira.project("PAY", "Pay")
    answer = requests.get(
        f"{jira.url}/rest/api/3/project/search?maxResults=1", auth=(jira.email, jira.token), timeout=5
    ).json()
    assert [one["key"] for one in answer["values"]] == ["PAY"]
    assert answer["isLast"] is False
    check(answer, shared(CLOUD), "/components/schemas/PageBeanProject")
