"""Batches of issues, and what closes them, by GraphQL."""

import subprocess
import sys
from typing import Any

import pytest
import requests

from simulator import GitHub, SteppedClock
from simulator.github import BulkIssue, Repository, Rules
from tests.simulator.github.rest_client import call, create_token

ISSUE_FIELDS = """
  fragment Work on Issue {
    id fullDatabaseId number title body state stateReason updatedAt closedAt
    author { login } milestone { number title state } issueType { name }
    labels(first: 10) { nodes { id name } } assignees(first: 10) { nodes { login } }
    repository { databaseId nameWithOwner } parent { id number }
    subIssuesSummary { total completed percentCompleted }
  }
"""


def send(hub: GitHub, query: str, *, token: str = "", **variables: Any) -> requests.Response:
    """Send a query."""
    return call(hub, hub.graphql_url, method="POST", json={"query": query, "variables": variables}, token=token)


def run_query(hub: GitHub, query: str, **variables: Any) -> Any:
    """Send a query; fail if there are errors."""
    answer = send(hub, query, **variables).json()
    assert "errors" not in answer, answer
    return answer["data"]


def kinds(answer: requests.Response) -> list[str | None]:
    """Return the types of the errors in an answer of 200."""
    assert answer.status_code == 200
    return [error.get("type") for error in answer.json()["errors"]]


@pytest.fixture
def repo(hub: GitHub) -> Repository:
    """Return a repository with two issues and a pull request that closes the first and one elsewhere."""
    repo = hub.repository("checkout")
    pay = repo.create_issue(
        "Pay", labels=["ui"], assignees=["bruno"], type="Bug", milestone=repo.create_milestone("v1")
    )
    repo.create_issue("Form").close(reason="not_planned")
    pay.add_sub_issue(repo.issues[2])
    hub.repository("payments").create_issue("Receipt")
    repo.create_pull_request("Add", body="Fixes #1. Resolves acme/payments#1")
    return repo


def test_issues_are_fetched_in_one_batch_by_name_and_number(hub: GitHub, repo: Repository) -> None:
    """Under aliases; each is as REST has it."""
    query = f"""
      query($owner: String!) {{
        a: repository(owner: $owner, name: "checkout") {{ i1: issue(number: 1) {{ ...Work }}
          i2: issue(number: 2) {{ ...Work }} p3: issueOrPullRequest(number: 3) {{ __typename }} }}
        b: repository(owner: $owner, name: "PAYMENTS") {{ i1: issue(number: 1) {{ title }} }}
      }} {ISSUE_FIELDS}"""
    data = run_query(hub, query, owner="acme")
    rest = call(hub, "/repos/acme/checkout/issues/1").json()
    pay = data["a"]["i1"]
    assert pay["fullDatabaseId"] == str(rest["id"])
    assert (pay["id"], pay["updatedAt"], pay["body"]) == (rest["node_id"], rest["updated_at"], "")
    assert (pay["state"], pay["stateReason"], pay["issueType"]) == ("OPEN", None, {"name": "Bug"})
    assert pay["labels"]["nodes"] == [{"id": rest["labels"][0]["node_id"], "name": "ui"}]
    assert pay["assignees"]["nodes"] == [{"login": "bruno"}]
    assert pay["milestone"] == {"number": 1, "title": "v1", "state": "OPEN"}
    assert pay["subIssuesSummary"] == {"total": 1, "completed": 1, "percentCompleted": 100}
    assert pay["repository"] == {"databaseId": None, "nameWithOwner": "acme/checkout"}
    form = data["a"]["i2"]
    assert (form["state"], form["stateReason"], form["parent"]["number"]) == ("CLOSED", "NOT_PLANNED", 1)
    assert data["a"]["p3"] == {"__typename": "PullRequest"}
    assert data["b"]["i1"] == {"title": "Receipt"}


def test_issues_and_pull_requests_are_fetched_in_one_batch_by_node(hub: GitHub, repo: Repository) -> None:
    """A missing node is null, with an error that names it; the rest is returned."""
    repo.create_issues(2, lambda number: BulkIssue(title=f"Step {number}", pull_request=number == 5))
    ids = [repo.issues.peek(number).node_id for number in (1, 3, 4, 5)]
    query = """query($ids: [ID!]!) { nodes(ids: $ids) { __typename id
      ... on Issue { title } ... on PullRequest { title merged baseRefName isDraft mergedAt } } }"""
    found = run_query(hub, query, ids=ids)["nodes"]
    assert [(each["__typename"], each["title"]) for each in found] == [
        ("Issue", "Pay"),
        ("PullRequest", "Add"),
        ("Issue", "Step 4"),
        ("PullRequest", "Step 5"),
    ]
    repo.issues[1].delete()
    answer = send(hub, query, ids=[*ids[:2], "I_nonsense", repo.node_id.replace("R_", "I_")])
    assert kinds(answer) == ["NOT_FOUND"] * 3
    assert [each and each["__typename"] for each in answer.json()["data"]["nodes"]] == [None, "PullRequest", None, None]
    assert answer.json()["errors"][0]["path"] == ["nodes", 0]
    assert ids[0] in answer.json()["errors"][0]["message"]
    one = run_query(
        hub,
        "query($id: ID!) { node(id: $id) { ... on Repository { isArchived defaultBranchRef { name } } } }",
        id=repo.node_id,
    )
    assert one["node"] == {"isArchived": False, "defaultBranchRef": {"name": "main"}}
    assert kinds(send(hub, query, ids=ids * 26)) == ["ARGUMENT_LIMIT"]


def test_closing_links_are_shown_on_both_sides(hub: GitHub, repo: Repository) -> None:
    """A closed one is left out on the issue's side by default; so is a merged one."""
    query = """query($closed: Boolean) { repository(owner: "acme", name: "checkout") {
      pullRequest(number: 3) { state closingIssuesReferences(first: 10) { totalCount nodes { number
        repository { nameWithOwner } } } }
      issue(number: 1) { closedByPullRequestsReferences(first: 10, includeClosedPrs: $closed) {
        nodes { number state } } }
    } }"""

    def closing_links(*, closed: bool) -> tuple[Any, Any]:
        found = run_query(hub, query, closed=closed)["repository"]
        named = found["pullRequest"]["closingIssuesReferences"]
        closes = [(each["repository"]["nameWithOwner"], each["number"]) for each in named["nodes"]]
        return closes, found["issue"]["closedByPullRequestsReferences"]["nodes"]

    both = [("acme/checkout", 1), ("acme/payments", 1)]
    assert closing_links(closed=False) == (both, [{"number": 3, "state": "OPEN"}])
    pull: Any = repo.issues[3]
    pull.merge()
    assert closing_links(closed=False) == (both, [])
    assert closing_links(closed=True) == (both, [{"number": 3, "state": "MERGED"}])
    hub.repository("payments").visible = False
    assert closing_links(closed=True)[0] == both[:1]
    pull.retarget("release")
    assert closing_links(closed=True) == ([], [])


def test_a_list_is_read_on_by_a_cursor(hub: GitHub, repo: Repository) -> None:
    """`first` is required, and 100 at most."""
    for number in range(4):
        repo.issues[1].add_sub_issue(repo.create_issue(f"Step {number}"))
    query = """query($first: Int, $after: String) { repository(owner: "acme", name: "checkout") { issue(number: 1) {
      subIssues(first: $first, after: $after) { totalCount nodes { title } pageInfo { hasNextPage endCursor } } } } }"""
    seen, after, more = [], None, True
    while more:
        page = run_query(hub, query, first=2, after=after)["repository"]["issue"]["subIssues"]
        seen += [each["title"] for each in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert (seen, page["totalCount"]) == (["Form", "Step 0", "Step 1", "Step 2", "Step 3"], 5)
    assert kinds(send(hub, query)) == ["MISSING_PAGINATION_BOUNDARIES"]
    assert kinds(send(hub, query, first=101)) == ["EXCESSIVE_PAGINATION"]
    assert kinds(send(hub, query, first=1, after="nonsense")) == ["INVALID_CURSOR_ARGUMENTS"]


def test_what_is_not_there_is_null_with_an_error(hub: GitHub, repo: Repository) -> None:
    """Repository, number, or kind; a renamed repository is found unless that is refused."""
    for inside in ("issue(number: 99)", "issue(number: 3)", "pullRequest(number: 1)", "issueOrPullRequest(number: 99)"):
        query = f'{{ repository(owner: "acme", name: "checkout") {{ it: {inside} {{ __typename }} }} }}'
        answer = send(hub, query)
        assert (kinds(answer), answer.json()["data"]) == (["NOT_FOUND"], {"repository": {"it": None}})
    repo.rename("shop")
    named = '{ repository(owner: "acme", name: "checkout"%s) { name } }'
    assert run_query(hub, named % "") == {"repository": {"name": "shop"}}
    assert kinds(send(hub, named % ", followRenames: false")) == ["NOT_FOUND"]
    repo.visible = False
    assert kinds(send(hub, named % "")) == ["NOT_FOUND"]


def test_invalid_arguments_are_refused(hub: GitHub, repo: Repository) -> None:
    """With 200 and an error, as GitHub does; what is no query at all is 400."""
    for query in ("{ repository { name } }", "{ colour }", "mutation { closeIssue { id } }", "{", ""):
        answer = send(hub, query)
        assert (set(kinds(answer)), "data" in answer.json()) == ({None}, False)
    assert call(hub, hub.graphql_url, method="POST", json=[]).status_code == 400
    assert call(hub, hub.graphql_url, method="POST", json={}, token="wrong").status_code == 401


def test_new_fields_are_as_on_github(hub: GitHub, repo: Repository) -> None:
    """Fields with their values, duplicates on request, and bots without the suffix that REST adds."""
    pay, form = repo.issues[1], repo.issues[2]
    bot = hub.user("okr[bot]", kind="Bot")
    hub.issue_field("Size", "single_select", options=["large"])
    pay.set_field("Points", 3)
    pay.set_field("Size", "large")
    pay.assign("okr[bot]")
    form.reopen()
    form.close(reason="duplicate")
    with hub.acting_as(bot):
        repo.create_issue("By a bot")
    query = """{ repository(owner: "acme", name: "checkout") {
      pay: issue(number: 1) { assignedActors(first: 9) { nodes { __typename ... on User { login } } }
        issueFieldValues(first: 9) { nodes { __typename
          ... on IssueFieldNumberValue { value field { ... on IssueFieldNumber { name fullDatabaseId } } }
          ... on IssueFieldSingleSelectValue { name field { ... on IssueFieldSingleSelect { name } } } } } }
      form: issue(number: 2) { stateReason asked: stateReason(enableDuplicate: true) }
      bots: issue(number: 4) { author { __typename login } } } }"""
    found = run_query(hub, query)["repository"]
    assert [each["__typename"] for each in found["pay"]["assignedActors"]["nodes"]] == ["User", "Bot"]
    points, size = found["pay"]["issueFieldValues"]["nodes"]
    field = {"name": "Points", "fullDatabaseId": str(hub.issue_field("Points").id)}
    assert (points["value"], points["field"]) == (3, field)
    assert (size["name"], size["field"]) == ("large", {"name": "Size"})
    assert found["form"] == {"stateReason": "NOT_PLANNED", "asked": "DUPLICATE"}
    assert found["bots"]["author"] == {"__typename": "Bot", "login": "okr"}


def test_an_enterprise_server_names_unknown_fields(clock: SteppedClock) -> None:
    """Field, argument and type."""
    query = """{ repository(owner: "acme", name: "checkout") { issue(number: 1) { parent { number }
      stateReason(enableDuplicate: true) ... on IssueFieldNumberValue { value } } } }"""
    with GitHub("acme", clock=clock, background=False, ghes="3.17") as server:
        answer = send(server, query).json()
    assert "data" not in answer
    assert {error["extensions"]["code"] for error in answer["errors"]} == {
        "undefinedField",
        "argumentNotAccepted",
        "undefinedType",
    }


def test_labels_and_milestones_are_listed_with_their_numbers_and_nodes(hub: GitHub, repo: Repository) -> None:
    """In pages; closed milestones only on request."""
    for number in range(3):
        repo.label(f"label {number}")
    repo.create_milestone("v2").close()
    labels = call(hub, "/repos/acme/checkout/labels?per_page=2")
    assert [each["node_id"] for each in labels.json()] == [each.node_id for each in repo.labels[:2]]
    assert "page=2" in labels.headers["Link"]
    listed = [
        [each["title"] for each in call(hub, f"/repos/acme/checkout/milestones{state}").json()]
        for state in ("", "?state=closed", "?state=all")
    ]
    assert listed == [["v1"], ["v2"], ["v1", "v2"]]


def test_an_installation_sees_its_own(hub: GitHub, repo: Repository) -> None:
    """Other repositories are not found, and what its permissions do not cover is forbidden."""
    installation = hub.create_app(permissions={"issues": "read"}).install([repo])
    token = create_token(installation).json()["token"]
    query = """{ viewer { login } a: repository(owner: "acme", name: "checkout") { issue(number: 1) { title }
      pullRequest(number: 3) { title } } b: repository(owner: "acme", name: "payments") { name } }"""
    answer = send(hub, query, token=token)
    assert sorted(map(str, kinds(answer))) == ["FORBIDDEN", "NOT_FOUND"]
    data = answer.json()["data"]
    assert (data["a"], data["b"]) == ({"issue": {"title": "Pay"}, "pullRequest": None}, None)
    assert data["viewer"]["login"] == "okr-sync[bot]"


def test_a_query_costs_a_point_for_every_hundred_lists(hub: GitHub, repo: Repository, clock: SteppedClock) -> None:
    """At least one; the remaining points can be queried with it."""
    hub.limits.switch_on()
    small = "{ rateLimit { cost limit remaining used resetAt } }"
    assert run_query(hub, small)["rateLimit"] == {
        "cost": 1,
        "limit": 5000,
        "remaining": 4999,
        "used": 1,
        "resetAt": "2026-11-23T11:00:00Z",
    }
    lists = " ".join(f"a{number}: issue(number: 1) {{ labels(first: 1) {{ totalCount }} }}" for number in range(250))
    answer = send(hub, f'{{ repository(owner: "acme", name: "checkout") {{ {lists} }} }}')
    assert answer.headers["x-ratelimit-used"] == "3"


def test_graphql_says_so_in_an_answer_of_200(hub: GitHub, repo: Repository) -> None:
    """Unless it is the secondary limit."""
    hub.limits.switch_on(Rules(graphql=1))
    query = {"query": "{ rateLimit { cost } }"}
    first, second = (call(hub, hub.graphql_url, method="POST", json=query) for _ in range(2))
    assert (first.json()["data"], first.headers["x-ratelimit-resource"]) == ({"rateLimit": {"cost": 1}}, "graphql")
    assert (second.status_code, second.headers["x-ratelimit-remaining"]) == (200, "0")
    assert second.json()["errors"][0]["type"] == "RATE_LIMIT"
    hub.limits.block(60)
    assert call(hub, hub.graphql_url, method="POST", json=query).status_code == 403


def test_projects_show_what_their_boards_hold(hub: GitHub, repo: Repository) -> None:
    """With the issue, with or without archived items; values by the names of their fields."""
    item = hub.project("Roadmap").add(repo.issues[1])
    item.set("Points", 2.5, type="number")
    item.set("Status", "Doing")
    item.set("Note", "x", type="text")
    values = " ".join(
        f'v{number}: fieldValueByName(name: "{name}") {{ __typename ... on ProjectV2ItemFieldNumberValue {{ number }} '
        "... on ProjectV2ItemFieldSingleSelectValue { name } ... on ProjectV2ItemFieldTextValue { text } }"
        for number, name in enumerate(("Points", "Status", "Note", "Other"))
    )
    query = f"""query($id: ID!, $archived: Boolean) {{ node(id: $id) {{ ... on Issue {{
      projectItems(first: 5, includeArchived: $archived) {{
        nodes {{ isArchived project {{ number title }} {values} }} }}
    }} }} }}"""
    (found,) = run_query(hub, query, id=repo.issues[1].node_id)["node"]["projectItems"]["nodes"]
    assert found == {
        "isArchived": False,
        "project": {"number": 1, "title": "Roadmap"},
        "v0": {"__typename": "ProjectV2ItemFieldNumberValue", "number": 2.5},
        "v1": {"__typename": "ProjectV2ItemFieldSingleSelectValue", "name": "Doing"},
        "v2": {"__typename": "ProjectV2ItemFieldTextValue", "text": "x"},
        "v3": None,
    }
    item.archive()
    for archived in (False, True):
        shown = run_query(hub, query, id=repo.issues[1].node_id, archived=archived)["node"]["projectItems"]["nodes"]
        assert [each["isArchived"] for each in shown] == [True] * archived


def test_projects_are_for_those_who_may_read_them(hub: GitHub, repo: Repository) -> None:
    """An organisation's, as a list and with an issue; a person has none here."""
    hub.project("Roadmap").add(repo.issues[1])
    query = """query($id: ID!) { organization(login: "ACME") { projectsV2(first: 1) { nodes { title } totalCount } }
      node(id: $id) { ... on Issue { projectItems(first: 1) { totalCount } } } }"""
    found = run_query(hub, query, id=repo.issues[1].node_id)
    assert found["organization"] == {"projectsV2": {"nodes": [{"title": "Roadmap"}], "totalCount": 1}}
    narrow = hub.add_token("ana", permissions={"metadata": "read", "issues": "read"}).text
    answer = send(hub, query, id=repo.issues[1].node_id, token=narrow)
    assert kinds(answer) == ["FORBIDDEN", "FORBIDDEN"]
    assert answer.json()["data"] == {"organization": None, "node": None}
    assert kinds(send(hub, '{ organization(login: "nobody") { login } }')) == ["NOT_FOUND"]


@pytest.mark.slow
def test_the_rest_of_the_simulator_does_without_the_library() -> None:
    """The demo runs without development dependencies."""
    check = "import sys, simulator; sys.exit('graphql' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False, timeout=60).returncode == 0
