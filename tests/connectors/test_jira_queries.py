"""JQL as queries of rules: what is refused, what Jira is asked, and how members are listed, on both of its faces."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses
from hypothesis import example, given
from hypothesis import strategies as st

import simulator
from connectors.jira import Jira
from connectors.jira.queries import listing
from connectors.jira.queries.reading import LONGEST, quoted, restriction
from simulator import SteppedClock
from simulator.jira import Project
from simulator.jira.jql import Compound, Condition, Value, parse
from simulator.jira.sketch import Sketch
from sync_service.domain.connectors import Connection, Refused, Rejected, Unavailable
from sync_service.domain.issues import ScopeRef
from sync_service.domain.newest import Issue
from sync_service.domain.queries import Candidate, Members, Queries

CLOUD = "https://acme.atlassian.net/rest/api/3"
SERVER = "https://jira.acme.example/rest/api/2"
QUIET = Connection(slug="acme", site="https://acme.atlassian.net")
BY_CLOUD = Connection(slug="acme", site="https://acme.atlassian.net", token="t", options={"email": "a@example.com"})
BY_SERVER = Connection(slug="acme", site="https://jira.acme.example", token="t")
SCOPES = [ScopeRef("10100", "SHOP"), ScopeRef("", "PAY")]


@pytest.fixture
def clock() -> SteppedClock:
    """Give a clock that stands at ten o'clock."""
    return SteppedClock(datetime(2026, 11, 23, 10, tzinfo=UTC))


@pytest.fixture(params=["cloud", "data center"])
def tracker(request: pytest.FixtureRequest, clock: SteppedClock) -> Iterator[simulator.Jira]:
    """Give a simulated Jira with either face."""
    with simulator.Jira(clock=clock, background=False, data_center=request.param == "data center") as tracker:
        yield tracker


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    """Stand in for Jira; every answer prepared must be asked for."""
    with responses.RequestsMock() as mock:
        yield mock


def by(tracker: simulator.Jira) -> Connection:
    """Give a connection to a simulated Jira."""
    email = {} if tracker.data_center else {"email": tracker.email}
    return Connection(slug="acme", site=tracker.url, token=tracker.token, options=email)


def scopes_of(*projects: Project) -> list[ScopeRef]:
    """Give projects as watched."""
    return [ScopeRef(project.id, project.key) for project in projects]


def listed(connection: Connection, query: str, scopes: Sequence[ScopeRef]) -> Iterator[Members]:
    """Go through a whole listing; one that does not end fails."""
    cursor: str | None = None
    for _ in range(50):
        page = Jira().members(connection, query=query, scopes=scopes, cursor=cursor)
        yield page
        cursor = page.cursor
        if cursor is None:
            return
    raise AssertionError(cursor)


def keys(pages: Sequence[Members]) -> list[str]:
    """Give the keys of all pages, in order."""
    return [key for page in pages for key in page.found.values()]


def candidate(id_: str) -> Candidate:
    """Give an issue to be asked about."""
    return Candidate(issue=Issue(identity=id_, key=f"SHOP-{id_}"), places=frozenset())


def test_the_connector_evaluates_queries() -> None:
    """By asking, so that its no removes nothing."""
    assert isinstance(Jira(), Queries)
    assert not Jira().judges


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "Unbounded JQL queries are not allowed here."),
        ("  \n", "Unbounded JQL queries are not allowed here."),
        ("order by key", "Unbounded JQL queries are not allowed here."),
        ("  ORDER\n By created DESC, key", "Unbounded JQL queries are not allowed here."),
        ("project = SHOP) OR (project = HR", "the parenthesis at character 15 was never opened"),
        ("(project = SHOP", "1 of its parentheses are never closed"),
        ("((project = SHOP", "2 of its parentheses are never closed"),
        ('summary ~ "pay', "the quotation that begins with character 11 does not end"),
        ("summary ~ 'pay\\'", "the quotation that begins with character 11 does not end"),
        ("labels = a\x00b", "NUL"),
        ("labels = a\\", "the backslash at character 11 escapes nothing"),
        ("x" * (LONGEST + 1), f"a query may have {LONGEST} characters, and this has {LONGEST + 1}"),
    ],
)
def test_a_query_that_can_not_be_one_is_refused_without_a_call(query: str, says: str) -> None:
    """With words that say what to do."""
    with pytest.raises(Rejected) as caught:
        Jira().check_query(QUIET, query=query)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("project = SHOP", "project = SHOP"),
        (" project = SHOP ORDER BY created DESC ", "project = SHOP"),
        ("project=SHOP order\n\tby rank", "project=SHOP"),
        ("(a = 1)ORDER BY key", "(a = 1)"),
        ('summary ~ "in order by key"', 'summary ~ "in order by key"'),
        ("summary ~ 'it\\'s (order by'", "summary ~ 'it\\'s (order by'"),
        ('"Order" = 1 AND reorder = by', '"Order" = 1 AND reorder = by'),
        ("component = 'Köln & Ümlaut'", "component = 'Köln & Ümlaut'"),
        ("labels = it\\'s ORDER BY key", "labels = it\\'s"),
        ("labels = a\\)\\( order by key", "labels = a\\)\\("),
        ("labels = order\\ by", "labels = order\\ by"),
    ],
)
def test_an_order_is_taken_off(query: str, expected: str) -> None:
    """Since listings have one of ours; what only looks like one stays."""
    Jira().check_query(QUIET, query=query)
    assert restriction(query) == expected


@example(r"a=it\'s")
@example("a=b\\")
@example(r"a=\(b")
@example(r"a=b\) OR (c=d")
@given(st.text(alphabet="ab =()\"'\\ORDERBYorderby\n\t", max_size=40) | st.text(max_size=40))
def test_what_is_joined_to_a_query_stays_beside_it(query: str) -> None:
    """However it is written: as Jira reads it, ours is a clause that must hold, too."""
    try:
        joined = f"({restriction(query)}) AND project in (7)"
        where = parse(joined).where
    except (ValueError, Rejected):
        return  # refused by us, or by Jira
    assert isinstance(where, Compound)
    assert where.operator == "and"
    last = where.clauses[-1]
    assert isinstance(last, Condition)
    assert last.field == "project"


def test_values_are_quoted_as_jql_takes_them() -> None:
    """Whatever is in them."""
    written = 'a "b" \\ c'
    where = parse(f"project = {quoted(written)}").where
    assert isinstance(where, Condition)
    assert where.operands == (Value(written, quoted=True),)


def test_jira_checks_a_query_in_its_own_words(tracker: simulator.Jira) -> None:
    """By taking it apart on Cloud, by a search for none of it on Data Center."""
    tracker.project("SHOP")
    Jira().check_query(by(tracker), query="project = SHOP AND labels = pay ORDER BY key")
    with pytest.raises(Rejected, match=r"Jira refuses the query: Field 'nothing' does not exist"):
        Jira().check_query(by(tracker), query="project = SHOP AND nothing = 1")
    with pytest.raises(Rejected, match="Expecting a value"):
        Jira().check_query(by(tracker), query="project =")
    assert len(tracker.rest.calls) == 3


@pytest.mark.parametrize("status", [401, 403, 404])
def test_who_may_only_search_is_not_stopped_by_the_check(mock: responses.RequestsMock, status: int) -> None:
    """Scoped tokens may lack what the check needs; if it is more, the search says so."""
    mock.post(f"{CLOUD}/jql/parse", status=status, json={"errorMessages": ["scope does not match"]})
    Jira().check_query(BY_CLOUD, query="project = SHOP")


def test_other_answers_of_the_check_are_what_they_always_are(mock: responses.RequestsMock) -> None:
    """A server in trouble refuses no query, and odd answers find nothing wrong with it."""
    mock.post(f"{CLOUD}/jql/parse", status=503)
    with pytest.raises(Unavailable):
        Jira().check_query(BY_CLOUD, query="project = SHOP")
    odds: list[Any] = [{"queries": []}, {"queries": [{"errors": "all"}]}, {"queries": [{"errors": [7, "\x00"]}]}, {}]
    for odd in odds:
        mock.replace(responses.POST, f"{CLOUD}/jql/parse", json=odd)
        Jira().check_query(BY_CLOUD, query="project = SHOP")
    mock.post(f"{SERVER}/search", status=403)
    with pytest.raises(Refused):
        Jira().check_query(BY_SERVER, query="project = SHOP")


def test_what_can_not_be_asked_is_named() -> None:
    """Data Center knows no matches; what it is, nothing says without credentials."""
    assert Jira().unjudged(BY_CLOUD, query="project = SHOP") == ()
    assert Jira().unjudged(BY_SERVER, query="project = SHOP") == ("JQL on Data Center",)
    assert Jira().unjudged(QUIET, query="project = SHOP") == ()
    assert Jira().query_part(BY_CLOUD, query="project = SHOP", scopes=SCOPES) == "reading"


def test_members_are_listed_in_watched_projects_and_counted_elsewhere(tracker: simulator.Jira) -> None:
    """Ids and keys, in the order of creation, of which a project's key may be all that is known."""
    shop, pay, attic = (tracker.project(key) for key in ("SHOP", "PAY", "ATTIC"))
    for project in (pay, shop, attic, shop):
        project.create_issue("Pay", labels=["pay"])
    shop.create_issue("Other")
    query = "labels = pay OR labels = late ORDER BY key DESC"
    (page,) = listed(by(tracker), query, [ScopeRef(shop.id, "OLD"), ScopeRef("", "PAY")])
    assert sorted(page.found.values()) == ["PAY-1", "SHOP-1", "SHOP-2"]
    assert {tracker.issues[identity].key for identity in page.found} == set(page.found.values())
    assert (page.outside, page.lacking, page.observations) == (1, None, ())
    assert len(tracker.rest.calls) == 2


def test_many_members_come_page_by_page(tracker: simulator.Jira, clock: SteppedClock) -> None:
    """Also where more than a page were created at one moment; of these some are shown twice."""
    shop = tracker.project("SHOP")
    shop.create_issues(7, every=timedelta(seconds=1))
    for number in range(5):
        shop.create_issue(f"At once {number}")
    clock.step(1)
    shop.create_issue("Last")
    tracker.page_limit = 3
    pages = list(listed(by(tracker), "project = SHOP", scopes_of(shop)))
    assert set(keys(pages)) == {f"SHOP-{number}" for number in range(1, 14)}
    assert keys(pages[:2]) == [f"SHOP-{number}" for number in range(1, 6)]


def test_a_member_is_seen_though_others_cease_to_be_found_meanwhile(tracker: simulator.Jira) -> None:
    """They would draw it over the border of numbered pages."""
    shop = tracker.project("SHOP")
    shop.create_issues(9, lambda number: Sketch(summary=f"{number}", labels=("pay",)))
    tracker.page_limit = 3
    pages = []
    for page in listed(by(tracker), "labels = pay", scopes_of(shop)):
        pages.append(page)
        for number in (1, 2):
            issue = tracker.find(f"SHOP-{number}")
            assert issue is not None
            issue.unlabel("pay")
    assert {f"SHOP-{number}" for number in range(3, 10)} <= set(keys(pages))


def test_where_the_last_of_a_page_was_deleted_the_tracker_says_how_to_go_on(
    tracker: simulator.Jira, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows when it was created."""
    shop = tracker.project("SHOP")
    shop.create_issues(5)
    tracker.page_limit = 3
    monkeypatch.setattr(listing, "_created", lambda *_: None)
    assert keys(list(listed(by(tracker), "project = SHOP", scopes_of(shop)))) == [f"SHOP-{n}" for n in range(1, 6)]


def test_the_creation_of_a_deleted_issue_is_not_known(mock: responses.RequestsMock) -> None:
    """Nor one that is no time."""
    mock.post(f"{CLOUD}/search/jql", json={"issues": [{"id": "7", "key": "SHOP-1"}], "nextPageToken": "n"})
    mock.post(f"{CLOUD}/search/approximate-count", json={"count": "many"})
    mock.get(f"{CLOUD}/issue/7", status=404)
    page = Jira().members(BY_CLOUD, query="a = 1", scopes=SCOPES, cursor=None)
    assert page.cursor is not None
    assert '"token": "n"' in page.cursor
    assert page.outside == 0


def test_a_token_that_has_expired_begins_again_at_the_last_border(clock: SteppedClock) -> None:
    """It lives for seven days."""
    with simulator.Jira(clock=clock, background=False) as tracker:
        shop = tracker.project("SHOP")
        for number in range(5):
            shop.create_issue(f"At once {number}")
        tracker.page_limit = 4
        first = Jira().members(by(tracker), query="project = SHOP", scopes=scopes_of(shop), cursor=None)
        assert first.cursor is not None
        again = Jira().members(by(tracker), query="project = SHOP", scopes=scopes_of(shop), cursor=first.cursor)
        assert again.cursor is not None
        assert '"token": "' in again.cursor
        clock.step(8 * 86_400)
        found = Jira().members(by(tracker), query="project = SHOP", scopes=scopes_of(shop), cursor=again.cursor)
        assert len(found.found) == 4


def test_a_query_that_jira_refuses_to_list_says_why(tracker: simulator.Jira) -> None:
    """In its words, and refuses not the connection."""
    shop = tracker.project("SHOP")
    with pytest.raises(Rejected, match=r"Jira refuses to list the query: Field 'nothing' does not exist"):
        list(listed(by(tracker), "nothing = 1", scopes_of(shop)))


def test_a_watched_project_that_is_hidden_is_said_and_the_others_are_listed(tracker: simulator.Jira) -> None:
    """Jira refuses a query that names one; and what is said to lack removes nothing."""
    shop, pay = tracker.project("SHOP"), tracker.project("PAY")
    shop.create_issues(5)
    pay.create_issue("Refund")
    pay.visible = False
    tracker.page_limit = 3
    scopes = [*scopes_of(shop, pay), ScopeRef("", "SOME ONE/../")]
    pages = list(listed(by(tracker), "updated >= -7d", scopes))
    assert len(keys(pages)) == 5
    assert {page.lacking for page in pages} == {"Jira does not show PAY, SOME ONE/../"}
    shop.visible = False
    with pytest.raises(Rejected, match="watches no project that Jira shows"):
        list(listed(by(tracker), "updated >= -7d", scopes))


def test_a_list_that_can_not_be_read_is_no_list(mock: responses.RequestsMock) -> None:
    """An issue without its id may be a member; and Cloud needs its e-mail address."""
    mock.post(f"{CLOUD}/search/jql", json={"issues": [{"key": "SHOP-1"}], "isLast": True})
    with pytest.raises(Rejected, match="without its id"):
        Jira().members(BY_CLOUD, query="a = 1", scopes=SCOPES, cursor=None)
    mock.post(f"{SERVER}/search", status=410)
    with pytest.raises(Refused, match="e-mail address"):
        Jira().members(BY_SERVER, query="a = 1", scopes=SCOPES, cursor=None)
    with pytest.raises(Rejected, match="watches no project"):
        Jira().members(BY_CLOUD, query="a = 1", scopes=[], cursor=None)


def test_several_queries_and_issues_share_calls(clock: SteppedClock) -> None:
    """A query that Jira refuses says nothing, and the others do."""
    with simulator.Jira(clock=clock, background=False) as tracker:
        shop = tracker.project("SHOP")
        shop.create_issues(120, lambda number: Sketch(summary="Pay", labels=("odd",) if number % 2 else ()))
        ids = sorted(tracker.issues, key=int)
        queries = ["labels = odd ORDER BY key", "nothing = 1", "project = SHOP", "labels = )"]
        said = Jira().match(by(tracker), queries=queries, candidates=[candidate(id_) for id_ in [*ids, "x"]])
        assert len(tracker.rest.calls) == 3
    assert [said[queries[0]][id_] for id_ in ids] == [True, False] * 60
    assert said[queries[1]] == said[queries[3]] == {}
    assert set(said[queries[2]].values()) == {True}


def test_data_center_is_not_asked() -> None:
    """It can't tell."""
    assert Jira().match(BY_SERVER, queries=["a = 1"], candidates=[candidate("7")]) == {"a = 1": {}}


def test_a_call_that_is_too_large_is_made_by_halves(mock: responses.RequestsMock) -> None:
    """Jira does not say how much it takes."""
    asked: list[tuple[int, int]] = []

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        body = matching_body(request)
        asked.append((len(body["jqls"]), len(body["issueIds"])))
        if len(body["jqls"]) > 1 or len(body["issueIds"]) > 2 or 5 in body["issueIds"]:
            return 400, {}, "{}"
        return 200, {}, '{"matches": [{"matchedIssues": [1, 2], "errors": []}]}'

    mock.add_callback(responses.POST, f"{CLOUD}/jql/match", answer)
    candidates = [candidate(str(number)) for number in range(1, 6)]
    said = Jira().match(BY_CLOUD, queries=["a = 1", "b = 1"], candidates=candidates)
    assert said == {name: {"1": True, "2": True, "3": False, "4": False} for name in ("a = 1", "b = 1")}
    assert asked[0] == (2, 5)


def test_a_query_that_is_never_taken_costs_few_calls_and_hides_no_other(mock: responses.RequestsMock) -> None:
    """The rest of it is left to its listing."""

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        body = matching_body(request)
        if "bad = 1" in body["jqls"]:
            return 400, {}, "{}"
        matches = [{"matchedIssues": [1], "errors": []} for _ in body["jqls"]]
        return 200, {}, json.dumps({"matches": matches})

    mock.add_callback(responses.POST, f"{CLOUD}/jql/match", answer)
    queries = ["bad = 1", *(f"a = {number}" for number in range(49))]
    said = Jira().match(BY_CLOUD, queries=queries, candidates=[candidate(str(number)) for number in range(1, 51)])
    assert said["bad = 1"] == {}
    assert all(len(said[query]) == 50 for query in queries[1:])
    assert len(mock.calls) < 40


def matching_body(request: Any) -> dict[str, list[Any]]:
    """Read what was asked."""
    body: dict[str, list[Any]] = json.loads(request.body)
    return body


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 401, "json": {"code": 401, "message": "Unauthorized; scope does not match"}},
        {"status": 403},
        {"status": 404},
        {"status": 410},
        {"body": "<html>"},
        {"json": {"matches": []}},
        {"json": {"matches": [{"errors": []}]}},
        {"json": {"matches": [{"matchedIssues": [7], "errors": ["no"]}]}},
    ],
)
def test_a_match_that_is_no_answer_leaves_it_to_the_listing(mock: responses.RequestsMock, answer: Any) -> None:
    """Which says what is wrong, if it is more."""
    mock.post(f"{CLOUD}/jql/match", **answer)
    assert Jira().match(BY_CLOUD, queries=["a = 1"], candidates=[candidate("7")]) == {"a = 1": {}}


def test_a_match_with_bad_credentials_is_refused(mock: responses.RequestsMock) -> None:
    """So that the connection says so, and is asked little."""
    mock.post(f"{CLOUD}/jql/match", status=401, body="Client must be authenticated to access this resource.")
    with pytest.raises(Refused):
        Jira().match(BY_CLOUD, queries=["a = 1"], candidates=[candidate("7")])


def test_a_match_that_must_wait_waits(mock: responses.RequestsMock) -> None:
    """As all reading does."""
    mock.post(f"{CLOUD}/jql/match", status=429, headers={"RateLimit-Reason": "jira-burst-based", "Retry-After": "3"})
    with pytest.raises(Unavailable) as caught:
        Jira().match(BY_CLOUD, queries=["a = 1"], candidates=[candidate("7")])
    assert caught.value.part == "reading"
