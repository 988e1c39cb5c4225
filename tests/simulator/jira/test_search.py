"""JQL searches of the simulated Jira: results, pages, lag, and 100,000 issues."""

from datetime import timedelta
from typing import Any

import pytest
import requests

from simulator import Jira, SteppedClock
from simulator.jira import Project
from simulator.jira.model.bulk_issues import BulkIssue

SEARCH = "3/search/jql"


def post(jira: Jira, path: str, **body: Any) -> requests.Response:
    """Call with valid credentials of Cloud."""
    return requests.post(f"{jira.url}/rest/api/{path}", json=body, auth=(jira.email, jira.token), timeout=30)


def get(jira: Jira, path: str, **params: str) -> requests.Response:
    """Call with valid credentials, of Cloud or of Data Center."""
    auth = None if jira.data_center else (jira.email, jira.token)
    headers = {"Authorization": f"Bearer {jira.token}"} if jira.data_center else {}
    return requests.get(f"{jira.url}/rest/api/{path}", params=params, auth=auth, headers=headers, timeout=30)


def keys(jira: Jira, jql: str) -> list[str]:
    """Return the keys that a query finds, in order."""
    answer = post(jira, SEARCH, jql=jql, fields=["key"])
    assert answer.status_code == 200, answer.text
    return [issue["key"] for issue in answer.json()["issues"]]


@pytest.fixture
def tracker(jira: Jira, clock: SteppedClock) -> Project:
    """Return a project with four issues, all different, a second apart."""
    shop = jira.project("SHOP", "Shop")
    epic = shop.create_issue("Checkout", type="Epic", labels=["ui", "late"])
    clock.step(1)
    shop.create_issue("Pay by card", labels=["ui"], components=["payments"], parent=epic, points=3).start()
    clock.step(1)
    shop.create_issue("Pay by bill", assignee="bruno", points=8).finish()
    clock.step(1)
    jira.project("PAY", "Payments").create_issue("Refund", type="Bug", description="Of a card").drop()
    return shop


@pytest.mark.parametrize(
    ("jql", "found"),
    [
        ("project = SHOP", ["SHOP-1", "SHOP-2", "SHOP-3"]),
        ("project = shop AND key != SHOP-2", ["SHOP-1", "SHOP-3"]),
        ("project in (SHOP, Payments)", ["SHOP-1", "SHOP-2", "SHOP-3", "PAY-1"]),
        ("project != SHOP", ["PAY-1"]),
        ("key in (shop-3, SHOP-1)", ["SHOP-1", "SHOP-3"]),
        ("issuetype = Epic or type = bug", ["SHOP-1", "PAY-1"]),
        ("status = 'In Progress'", ["SHOP-2"]),
        ("statusCategory = Done", ["SHOP-3", "PAY-1"]),
        ("statusCategory != done", ["SHOP-1", "SHOP-2"]),
        ("component = payments", ["SHOP-2"]),
        ("component is EMPTY and project = SHOP", ["SHOP-1", "SHOP-3"]),
        ("labels = ui", ["SHOP-1", "SHOP-2"]),
        ("labels != late", ["SHOP-2"]),
        ("labels not in (late, EMPTY)", ["SHOP-2"]),
        ("labels in (late, EMPTY)", ["SHOP-1", "SHOP-3", "PAY-1"]),
        ("fixVersion is EMPTY", ["SHOP-1", "SHOP-2", "SHOP-3", "PAY-1"]),
        ('resolution = "Won\'t Do"', ["PAY-1"]),
        ("resolution is not NULL", ["SHOP-3", "PAY-1"]),
        ("assignee = bruno", ["SHOP-3"]),
        ("assignee = currentUser()", []),
        ("parent = SHOP-1", ["SHOP-2"]),
        ('summary ~ "pay card"', ["SHOP-2"]),
        ("summary !~ pay && project = SHOP", ["SHOP-1"]),
        ("description ~ card", ["PAY-1"]),
        ('"Story Points" > 3', ["SHOP-3"]),
        ("cf[10016] <= 3", ["SHOP-2"]),
        ("NOT (project = SHOP OR labels = ui)", ["PAY-1"]),
        ("project = SHOP AND (labels = late OR NOT labels = ui)", ["SHOP-1", "SHOP-3"]),
        ("updated >= -7d", ["SHOP-1", "SHOP-2", "SHOP-3", "PAY-1"]),
        ('updated < "2026-11-23 10:00"', []),
        ("created >= startOfDay() and created <= now()", ["SHOP-1", "SHOP-2", "SHOP-3", "PAY-1"]),
        ("updated >= 1763892002123 and updated < 1795428003123", ["SHOP-1", "SHOP-2", "SHOP-3"]),
        ("project = SHOP and updated >= 1795428002123", ["SHOP-3"]),
        ("project = SHOP and updated >= 1795428002124", []),
        ("project = SHOP ORDER BY key DESC", ["SHOP-3", "SHOP-2", "SHOP-1"]),
        ("project = SHOP ORDER BY updated DESC", ["SHOP-3", "SHOP-2", "SHOP-1"]),
        ("project = SHOP ORDER BY issuetype DESC, key ASC", ["SHOP-2", "SHOP-3", "SHOP-1"]),
        ('project = SHOP ORDER BY "Story Points" DESC', ["SHOP-3", "SHOP-2", "SHOP-1"]),
    ],
)
def test_a_query_finds_what_it_asks_for(tracker: Project, jira: Jira, jql: str, found: list[str]) -> None:
    """Fields, operators, precedence, and orders."""
    assert keys(jira, jql if "ORDER" in jql else f"{jql} ORDER BY updated ASC, key ASC") == found


@pytest.mark.parametrize(
    ("jql", "says"),
    [
        ("order by key", "Unbounded"),
        ("", "Unbounded"),
        ("project = NONE", "The value 'NONE' does not exist for the field 'project'."),
        ("nothing = 1", "Field 'nothing' does not exist"),
        ("project = SHOP AND", "before the end"),
        ("project SHOP", "Expecting an operator but got 'SHOP'"),
        ("project = SHOP SHOP", "AND, OR or the end"),
        ("project = &", "not expected"),
        ("updated >= someday", "Date value 'someday' is invalid"),
        ("project = SHOP ORDER BY a,b,c,d,e,f,g,h", "maximum of 7"),
    ],
)
def test_a_query_that_can_not_be_answered_says_why(tracker: Project, jira: Jira, jql: str, says: str) -> None:
    """As an error of Jira's form."""
    answer = post(jira, SEARCH, jql=jql)
    assert answer.status_code == 400
    assert says in answer.json()["errorMessages"][0]


def test_pages_come_by_token_without_a_total(tracker: Project, jira: Jira, clock: SteppedClock) -> None:
    """A token is good for seven days and for its own query."""
    payload = {"jql": "project = SHOP ORDER BY updated", "maxResults": 2}
    first = post(jira, SEARCH, **payload).json()
    assert set(first) == {"issues", "isLast", "nextPageToken"}
    assert [set(issue) for issue in first["issues"]] == [{"id"}, {"id"}], "the id alone, unless fields are named"
    following = {**payload, "nextPageToken": first["nextPageToken"]}
    last = post(jira, SEARCH, **following).json()
    assert (len(last["issues"]), last["isLast"], "nextPageToken" in last) == (1, True, False)
    assert post(jira, SEARCH, **{**following, "jql": "project = PAY"}).status_code == 400
    assert post(jira, SEARCH, **{**payload, "nextPageToken": "nonsense"}).status_code == 400
    clock.step(timedelta(days=7).total_seconds())
    assert "expired" in post(jira, SEARCH, **following).json()["errorMessages"][0]


def test_pages_may_be_shorter_than_requested(tracker: Project, jira: Jira) -> None:
    """At most 100 with fields, and fewer if Jira chooses."""
    tracker.create_issues(150)
    payload = {"jql": "project = SHOP ORDER BY updated", "maxResults": 5000}
    assert len(post(jira, SEARCH, **payload).json()["issues"]) == 153
    assert len(post(jira, SEARCH, **payload, fields=["summary"]).json()["issues"]) == 100
    jira.page_limit = 7
    short = post(jira, SEARCH, **payload, fields=["summary"]).json()
    assert (len(short["issues"]), short["isLast"]) == (7, False)


def test_a_search_takes_get_parameters(tracker: Project, jira: Jira) -> None:
    """With lists by commas, and field names on request."""
    answer = get(jira, SEARCH, jql="project = SHOP", fields="summary,customfield_10016", expand="names").json()
    assert set(answer["issues"][0]["fields"]) == {"summary", "customfield_10016"}
    assert answer["names"] == {"summary": "Summary", "customfield_10016": "Story Points"}


def test_old_searches_are_gone_from_cloud(jira: Jira) -> None:
    """And the error names the new path."""
    for answer in (get(jira, "3/search", jql="project = SHOP"), post(jira, "2/search", jql="project = SHOP")):
        assert answer.status_code == 410
        assert "/rest/api/3/search/jql" in answer.json()["errorMessages"][0]


def test_data_center_pages_by_offset_with_a_total() -> None:
    """And has no page tokens, counts or matches."""
    with Jira(data_center=True, background=False) as jira:
        jira.project("SHOP").create_issues(5)
        answer = get(jira, "2/search", jql="project = SHOP ORDER BY updated", startAt="3", maxResults="10").json()
        assert (answer["total"], answer["startAt"], answer["maxResults"]) == (5, 3, 10)
        assert [issue["key"] for issue in answer["issues"]] == ["SHOP-4", "SHOP-5"]
        assert "summary" in answer["issues"][0]["fields"], "all fields, unless some are named"
        assert get(jira, "2/search", jql="project = SHOP", startAt="some").status_code == 400
        assert get(jira, "2/search/jql", jql="project = SHOP").status_code == 404


def test_a_search_learns_of_changes_late(tracker: Project, jira: Jira, clock: SteppedClock) -> None:
    """New ones are missing, changed ones show their former state; `reconcileIssues` updates named ones."""
    jira.index.lag = timedelta(seconds=60)
    issue = jira.issues.find("SHOP-1")
    assert issue is not None
    issue.label("fresh")
    created = tracker.create_issue("New")
    assert keys(jira, "labels = fresh") == []
    assert created.key not in keys(jira, "project = SHOP")
    reconciled = post(jira, SEARCH, jql="labels = fresh", fields=["labels"], reconcileIssues=[int(issue.id)]).json()
    assert [found["fields"]["labels"] for found in reconciled["issues"]] == [["ui", "late", "fresh"]]
    assert post(jira, SEARCH, jql="labels = fresh", reconcileIssues=list(range(51))).status_code == 400
    clock.step(60)
    assert keys(jira, "project = SHOP ORDER BY updated, key")[-2:] == ["SHOP-1", "SHOP-4"]


def test_a_lagging_search_may_show_an_issue_at_its_former_position(tracker: Project, jira: Jira) -> None:
    """Jira does not say which fields are read late."""
    jira.index.lag = timedelta(seconds=60)
    jira.index.shows_old_fields = False
    issue = jira.issues.find("SHOP-1")
    assert issue is not None
    issue.edit(summary="Paying")
    issue.move(jira.project("PAY"))
    found = post(jira, SEARCH, jql="project = SHOP ORDER BY updated", fields=["summary"]).json()["issues"][0]
    assert (found["key"], found["fields"]["summary"]) == ("PAY-2", "Paying")
    issue.delete()
    assert "PAY-2" not in keys(jira, "project = SHOP")


def test_hidden_and_deleted_issues_are_not_found(tracker: Project, jira: Jira) -> None:
    """By search, by count, by id, and together."""
    hidden, deleted = jira.issues.find("SHOP-1"), jira.issues.find("SHOP-2")
    assert hidden is not None
    assert deleted is not None
    jira.hide(hidden)
    deleted.delete()
    assert keys(jira, "project = SHOP") == ["SHOP-3"]
    assert post(jira, "3/search/approximate-count", jql="project = SHOP").json() == {"count": 1}
    answers = [get(jira, f"3/issue/{issue.id}") for issue in (hidden, deleted)]
    assert [(answer.status_code, answer.text) for answer in answers] == [(404, answers[0].text)] * 2
    together = post(jira, "3/issue/bulkfetch", issueIdsOrKeys=[hidden.id, deleted.id, "SHOP-3"]).json()
    assert ([issue["key"] for issue in together["issues"]], together["issueErrors"]) == (["SHOP-3"], [])
    jira.show(hidden)
    assert keys(jira, "project = SHOP") == ["SHOP-1", "SHOP-3"]
    tracker.visible = False
    assert get(jira, "3/project/SHOP").status_code == 404
    assert post(jira, SEARCH, jql="project = SHOP").status_code == 400


def test_some_issues_of_many_may_fail_for_themselves(tracker: Project, jira: Jira) -> None:
    """With an error that names the issue."""
    failing = jira.issues.find("SHOP-1")
    assert failing is not None
    jira.failing_ids.add(failing.id)
    answer = post(jira, "3/issue/bulkfetch", issueIdsOrKeys=["SHOP-1", "SHOP-2"]).json()
    assert [issue["key"] for issue in answer["issues"]] == ["SHOP-2"]
    assert [error["id"] for error in answer["issueErrors"]] == [failing.id]


def test_a_project_is_found_by_a_former_key_and_its_issues_have_new_ones(tracker: Project, jira: Jira) -> None:
    """And no webhook is sent."""
    sent = len(jira.deliveries)
    tracker.rename("STORE")
    assert get(jira, "3/project/SHOP").json()["key"] == "STORE"
    assert get(jira, "3/issue/SHOP-2").json()["key"] == "STORE-2"
    assert keys(jira, "project = STORE ORDER BY key") == ["STORE-1", "STORE-2", "STORE-3"]
    assert len(jira.deliveries) == sent


def test_queries_are_matched_against_issues_by_id(tracker: Project, jira: Jira) -> None:
    """In the order of the queries; one that can't be parsed has errors."""
    ids = [int(id_) for id_ in jira.issues]
    jqls = ["labels = ui", "nothing = 1", "project = PAY"]
    matches = post(jira, "3/jql/match", jqls=jqls, issueIds=[*ids, 999]).json()["matches"]
    assert matches[0]["matchedIssues"] == ids[:2]
    assert (matches[1]["matchedIssues"], len(matches[1]["errors"])) == ([], 1)
    assert matches[2]["matchedIssues"] == ids[3:]
    assert post(jira, "3/jql/match", jqls=jqls, issueIds=["SHOP-1"]).status_code == 400
    assert post(jira, "3/jql/match", jqls=jqls, issueIds=list(range(51))).status_code == 400
    assert post(jira, "3/jql/match", jqls=[], issueIds=ids).status_code == 400


def test_a_match_knows_what_searches_know(tracker: Project, jira: Jira, clock: SteppedClock) -> None:
    """A change is matched after the lag."""
    jira.index.lag = timedelta(seconds=30)
    issue = tracker.create_issue("New", labels=["ui"])
    payload = {"jqls": ["labels = ui"], "issueIds": [int(issue.id)]}
    assert post(jira, "3/jql/match", **payload).json()["matches"][0]["matchedIssues"] == []
    clock.step(30)
    assert post(jira, "3/jql/match", **payload).json()["matches"][0]["matchedIssues"] == [int(issue.id)]


def test_a_query_is_parsed_strictly_or_with_warnings(jira: Jira) -> None:
    """A syntax error always is an error; an unknown field only with validation."""
    payload = {"queries": ["nothing = 1 ORDER BY key DESC", "key ="]}
    strict, warned, neither = (
        post(jira, f"3/jql/parse?validation={kind}", **payload).json()["queries"] for kind in ("strict", "warn", "none")
    )
    assert ("structure" in strict[0], len(strict[0]["errors"])) == (False, 1)
    assert ("structure" in warned[0], len(warned[0]["warnings"])) == (True, 1)
    assert set(neither[0]) == {"query", "structure"}
    assert neither[0]["structure"]["orderBy"]["fields"] == [{"field": {"name": "key"}, "direction": "desc"}]
    assert all("errors" in found[1] for found in (strict, warned, neither))
    assert post(jira, "3/jql/parse?validation=strict", queries=[]).status_code == 400
    assert post(jira, "3/jql/parse?validation=some", **payload).status_code == 400


@pytest.mark.slow
def test_a_hundred_thousand_issues_are_made_at_once_and_listed_by_the_page(jira: Jira, clock: SteppedClock) -> None:
    """A page costs as much as its issues; a changed issue changes its place."""
    shop = jira.project("SHOP")
    labelled = BulkIssue(summary="Labelled", labels=("ui",), status="Done", points=2)
    numbers = shop.create_issues(
        100_000, lambda number: labelled if number % 2 else BulkIssue(summary=f"Step {number}")
    )
    assert (numbers, len(jira.issues)) == (range(1, 100_001), 100_000)
    payload = {"jql": "project = SHOP ORDER BY updated ASC, key ASC", "fields": ["summary"], "maxResults": 100}
    page = post(jira, SEARCH, **payload).json()
    assert [issue["key"] for issue in page["issues"][:2]] == ["SHOP-1", "SHOP-2"]
    assert post(jira, "3/search/approximate-count", jql="project = SHOP").json() == {"count": 100_000}
    touched = jira.issues.find("SHOP-2")
    assert touched is not None
    clock.step(1)
    touched.finish()
    jira.issues[next(iter(jira.issues))].delete()
    assert keys(jira, f"project = SHOP AND updated >= {int(clock().timestamp() * 1000)}") == []
    assert post(jira, "3/search/approximate-count", jql="project = SHOP").json() == {"count": 99_999}
    issue = get(jira, "3/issue/SHOP-99999").json()
    assert (issue["fields"]["status"]["name"], issue["fields"]["labels"]) == ("Done", ["ui"])
    assert shop.create_issue("After").key == "SHOP-100001"


def test_a_sprint_and_a_version_are_found_by_what_they_are_now(tracker: Project, jira: Jira) -> None:
    """Though no webhook is sent when they start, end, or are released."""
    sprint, version = jira.sprint("Sprint 7"), tracker.version("2.0")
    first, second = jira.issues.find("SHOP-1"), jira.issues.find("SHOP-2")
    assert first is not None
    assert second is not None
    first.plan_into(sprint)
    second.fix_in(version)
    sent = len(jira.deliveries)
    assert keys(jira, "sprint in futureSprints()") == ["SHOP-1"]
    sprint.start()
    assert keys(jira, "Sprint in openSprints()") == ["SHOP-1"]
    assert keys(jira, f"sprint = {sprint.id} OR sprint = 'sprint 7'") == ["SHOP-1"]
    sprint.close()
    assert keys(jira, "sprint in openSprints()") == []
    assert keys(jira, "sprint in closedSprints()") == ["SHOP-1"]
    assert keys(jira, "fixVersion = 2.0 AND fixVersion in unreleasedVersions()") == ["SHOP-2"]
    tracker.version("2.0").release()
    assert keys(jira, "fixVersion in releasedVersions()") == ["SHOP-2"]
    assert len(jira.deliveries) == sent


@pytest.mark.parametrize(
    ("jql", "found"),
    [
        ("created >= startOfWeek()", True),
        ("created < startOfWeek(1)", True),
        ("created >= startOfWeek() AND created >= startOfWeek(+1d)", False),
        ("created <= endOfDay()", True),
        ("created > endOfDay(-1)", True),
        ("created > endOfWeek()", False),
        ("created >= startOfDay(-1w)", True),
        ("created > -1h", True),
    ],
)
def test_functions_return_times(jira: Jira, jql: str, *, found: bool) -> None:
    """It is Monday, ten o'clock."""
    jira.project("SHOP").create_issue("Pay")
    assert (keys(jira, jql) == ["SHOP-1"]) is found


@pytest.mark.parametrize(
    ("jql", "says"),
    [
        ("assignee in membersOf(admins)", "Unable to find JQL function 'membersOf()'."),
        ("created >= openSprints()", "Unable to find JQL function 'openSprints()'."),
        ("created >= startOfDay(soon)", "Duration for function 'startOfDay'"),
    ],
)
def test_a_function_that_is_none_is_refused(jira: Jira, jql: str, says: str) -> None:
    """As Jira words it."""
    jira.project("SHOP").create_issue("Pay")
    assert says in post(jira, SEARCH, jql=jql).json()["errorMessages"][0]
