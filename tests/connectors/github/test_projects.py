"""Project number fields, read by fetches and polls."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import responses

import connectors.github
from connectors.http import HttpClient
from simulator import GitHub, SteppedClock
from simulator.github import Repository
from simulator.github.model.issue import Issue
from simulator.github.model.projects import ProjectFieldType
from sync_service.domain.trackers import connector as domain
from sync_service.domain.trackers.capabilities import ChangesRequest
from sync_service.domain.trackers.connector import Connection, Gone, Rejected, ResolvedTo, Unavailable
from sync_service.domain.trackers.observations import Number, ScopeRef, Snapshot
from tests.connectors.github.app_fixture import START
from tests.connectors.github.payloads import CONNECTION, issue

WITH_NUMBERS = replace(CONNECTION, options={"points_field": "Points", "number_fields": ["Effort"]})


@dataclass
class ProjectsHarness:
    """GitHub with a repository, projects, and a connection that reads two fields."""

    hub: GitHub
    repository: Repository = field(init=False)
    options: dict[str, Any] = field(default_factory=lambda: {"points_field": "Points", "number_fields": ["Effort"]})

    def __post_init__(self) -> None:
        self.repository = self.hub.repository("checkout")
        self.connector = connectors.github.GitHub(HttpClient(now=self.hub.clock))
        self.connection = self.connect(token=self.hub.token)

    def connect(self, **credentials: Any) -> Connection:
        """Use other credentials."""
        return Connection(slug="gh", site=self.hub.api_url, options=self.options, **credentials)

    def estimated(self, title: str, points: float | None) -> Issue:
        """Create an issue that has this many points in a project."""
        work = self.repository.create_issue(title)
        self.hub.project("Roadmap").add(work).set("Points", points, type="number")
        return work

    def fetch_issue(self, work: Issue) -> Snapshot:
        """Fetch one issue."""
        return self.connector.fetch_issue(self.connection, identity=f"{self.repository.id}#{work.number}", key="any")

    def fetch_every_way(self) -> list[Snapshot]:
        """Fetch one by one, fetch together, and list: the results are equal."""
        request = ChangesRequest(name="acme/checkout", id=str(self.repository.id), since=None)
        page = self.connector.list_changes(self.connection, asked=request, cursor=None)
        listed = [one for one in page.observations if isinstance(one, Snapshot)]
        requests = {one.identity: one.key for one in listed}
        together = self.connector.fetch_issues(self.connection, wanted=requests)
        singly = [self.connector.fetch_issue(self.connection, identity=one, key="any") for one in requests]
        assert [_numbers(one) for one in listed] == [_numbers(one) for one in singly]
        assert [together[one] for one in requests] == singly
        return singly

    def node_identity(self, work: Issue, login: str = "acme") -> str:
        """Return the identity of a delivery about a project's item."""
        return f"node:{login}/{work.node_id}"

    def find(self, *names: str) -> list[ResolvedTo | Gone]:
        """Find issues by node ids."""
        found = self.connector.fetch_issues(self.connection, wanted=dict.fromkeys(names, "any"))
        return [one for name in names if isinstance(one := found[name], ResolvedTo | Gone)]

    def calls(self, bucket: str) -> int:
        """Return the number of answered calls whose path contains this."""
        return sum(bucket in call.path and call.status == 200 for call in self.hub.rest.calls)


def _numbers(one: Snapshot) -> Any:
    return one.identity, one.points, one.points_known, one.numbers


@pytest.fixture
def harness(ghes: str) -> Iterator[ProjectsHarness]:
    """Yield the harness on github.com, and on an Enterprise Server."""
    with GitHub("acme", clock=SteppedClock(START), background=False, ghes=ghes) as hub:
        yield ProjectsHarness(hub)


def test_numbers_come_from_projects(harness: ProjectsHarness) -> None:
    """With and without a value, by single fetch, common fetch and list."""
    harness.estimated("Pay", 5).repository.create_issue("Nowhere")
    harness.estimated("Unset", None)
    harness.repository.create_pull_request("Add")
    pay, nowhere, unset, pull = harness.fetch_every_way()
    assert (pay.points, pay.points_known, pay.numbers) == (5, True, (Number("Effort", None),))
    assert (nowhere.points, nowhere.points_known) == (None, True) == (unset.points, unset.points_known)
    assert (pull.points, pull.numbers) == (None, ())


def test_members_of_a_search_have_project_numbers_too(harness: ProjectsHarness) -> None:
    """As in a list of changes."""
    harness.estimated("Pay", 5)
    harness.repository.create_issue("Nowhere")
    harness.repository.create_pull_request("Add")
    scopes = [ScopeRef(str(harness.repository.id), "acme/checkout")]
    query = "repo:acme/checkout is:issue"
    page = harness.connector.list_members(harness.connection, query=query, scopes=scopes, cursor=None)
    found = [(one.points, one.points_known) for one in page.observations if isinstance(one, Snapshot)]
    assert found == [(5, True), (None, True)]


@pytest.mark.parametrize("ghes", [""])
def test_an_issue_field_of_that_name_wins(harness: ProjectsHarness) -> None:
    """Then projects are not read. An Enterprise Server has no issue fields."""
    harness.options["number_fields"] = []
    harness.estimated("Pay", 5).set_field("Points", 3)
    harness.hub.rest.calls.clear()
    assert harness.fetch_issue(harness.repository.issues[1]).points == 3
    assert harness.calls("/graphql") == 0
    harness.repository.issues[1].clear_field("Points")
    assert harness.fetch_issue(harness.repository.issues[1]).points == 5


def test_the_project_with_the_highest_number_wins_and_archived_items_are_last(harness: ProjectsHarness) -> None:
    """Projects without a value in the field do not count."""
    pay = harness.estimated("Pay", 5)
    item = harness.hub.project("Next year").add(pay)
    assert harness.fetch_issue(pay).points == 5
    item.set("Points", 8, type="number")
    item.set("Effort", 1.5, type="number")
    harness.hub.project("Third").add(pay).set("Points", "many", type="text")
    assert (harness.fetch_issue(pay).points, harness.fetch_issue(pay).numbers) == (8, (Number("Effort", 1.5),))
    item.archive()
    assert (harness.fetch_issue(pay).points, harness.fetch_issue(pay).numbers) == (5, (Number("Effort", 1.5),))
    harness.hub.project("Roadmap").items[0].delete()
    assert harness.fetch_issue(pay).points == 8


@pytest.mark.parametrize(("value", "points"), [("8", 8), ("XS", None)])
@pytest.mark.parametrize("kind", ["text", "single_select"])
def test_numbers_in_texts_and_options_of_a_project_are_read(
    harness: ProjectsHarness, kind: ProjectFieldType, value: str, points: float | None
) -> None:
    """What is no number is unknown, not none."""
    pay = harness.repository.create_issue("Pay")
    harness.hub.project("Roadmap").add(pay).set("Points", value, type=kind)
    seen = harness.fetch_issue(pay)
    assert (seen.points, seen.points_known) == (points, points is not None)


def test_an_issue_in_too_many_projects_has_unknown_points(harness: ProjectsHarness) -> None:
    """The deciding project may be one that was not read."""
    pay = harness.estimated("Pay", 5)
    for number in range(20):
        harness.hub.project(f"P{number}").add(pay)
    assert not harness.fetch_issue(pay).points_known


def test_credentials_without_project_permission_leave_points_unknown(harness: ProjectsHarness) -> None:
    """All other fields are read."""
    harness.estimated("Pay", 5)
    harness.repository.create_issue("Other")
    rights = {"metadata": "read", "issues": "read", "pull_requests": "read"}
    harness.connection = harness.connect(token=harness.hub.add_token("ana", permissions=rights).text)
    assert [(one.points, one.points_known, one.numbers) for one in harness.fetch_every_way()] == [(None, False, ())] * 2


def test_projects_are_not_read_without_number_fields(harness: ProjectsHarness) -> None:
    """The call would be useless."""
    harness.options.clear()
    pay = harness.estimated("Pay", 5)
    harness.hub.rest.calls.clear()
    assert harness.fetch_issue(pay).points is None
    assert harness.calls("/graphql") == 0


def test_a_hundred_listed_issues_need_one_more_call(harness: ProjectsHarness) -> None:
    """It costs about one point."""
    for number in range(100):
        harness.repository.create_issue(f"Pay {number}")
    harness.hub.limits.switch_on()
    harness.connector.list_changes(
        harness.connection, asked=ChangesRequest(name="acme/checkout", id=None, since=None), cursor=None
    )
    assert harness.calls("/graphql") == 1
    assert harness.hub.limits.remaining(f"user ID {harness.hub.actor.id}", "graphql")["used"] <= 2


def test_a_node_id_gives_the_issue(harness: ProjectsHarness) -> None:
    """A repository's number is read once."""
    pay, other = harness.estimated("Pay", 5), harness.estimated("Other", 3)
    scope = ScopeRef(str(harness.repository.id), "acme/checkout")
    found = [
        one.fetch
        for one in harness.find(harness.node_identity(pay), harness.node_identity(other))
        if isinstance(one, ResolvedTo)
    ]
    assert [(one.identity, one.key, one.scope) for one in found] == [
        (f"{scope.id}#1", "acme/checkout#1", scope),
        (f"{scope.id}#2", "acme/checkout#2", scope),
    ]
    assert (harness.calls("/graphql"), harness.calls("/repos/acme/checkout")) == (1, 1)
    with pytest.raises(ResolvedTo, match="acme/checkout#1"):
        harness.connector.fetch_issue(harness.connection, identity=harness.node_identity(pay), key="any")
    assert harness.calls("/repos/acme/checkout") == 1


def test_a_hidden_or_other_node_is_not_proven_deleted(harness: ProjectsHarness) -> None:
    """It may be deleted, hidden or of another type. The other nodes are found."""
    pay, gone = harness.estimated("Pay", 5), harness.estimated("Gone", 3)
    pull = harness.repository.create_pull_request("Add")
    hidden = harness.hub.repository("hidden").create_issue("Secret")
    harness.hub.repository("hidden").visible = False
    gone.delete()
    names = [harness.node_identity(one) for one in (gone, pull, hidden)]
    found = harness.find(*names, harness.node_identity(pay), "node:acme/I_nonsense")
    assert [isinstance(one, Gone) and not one.proven for one in found] == [True, True, True, False, True]


def test_an_app_finds_nodes_with_the_organization_s_installation(harness: ProjectsHarness) -> None:
    """Even without a repository. An installation elsewhere finds nothing."""
    pay = harness.estimated("Pay", 5)
    app = harness.hub.create_app(permissions={"issues": "read", "organization_projects": "read"})
    app.install([harness.repository])
    harness.connection = harness.connect(app=domain.AppKey(str(app.id), app.pem))
    (found,) = harness.find(harness.node_identity(pay))
    assert isinstance(found, ResolvedTo)
    assert harness.fetch_issue(pay).points == 5
    with pytest.raises(Gone):
        harness.find(harness.node_identity(pay, "umbrella"))


def test_a_node_fetch_waits_for_the_graphql_limit(harness: ProjectsHarness) -> None:
    """It makes no other calls."""
    pay = harness.estimated("Pay", 5)
    harness.hub.limits.switch_on()
    harness.hub.limits.spend(f"user ID {harness.hub.actor.id}", "graphql", 5000)
    with pytest.raises(Unavailable) as caught:
        harness.connector.fetch_issue(harness.connection, identity=harness.node_identity(pay), key="any")
    about = harness.node_identity(pay)
    assert caught.value.bucket == "token/graphql" == harness.connector.bucket_for(harness.connection, about=about)
    assert harness.connector.bucket_for_batch(harness.connection, about=about) == "token/graphql"


SITE = "https://api.github.com"
SHOWN = {"id": "I_kwDOB", "projectItems": {"nodes": [], "pageInfo": {"hasNextPage": False}}}
FORBIDDEN = {"type": "FORBIDDEN", "path": ["nodes", 0, "projectItems"], "message": "Resource not accessible"}
UNKNOWN = {"message": "?", "extensions": {"code": "undefinedField", "fieldName": "projectItems", "typeName": "Issue"}}


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        ({"data": {"nodes": [SHOWN]}}, True),
        ({"errors": [{"type": "INSUFFICIENT_SCOPES", "message": "read:project"}]}, False),
        ({"data": {"nodes": [None]}, "errors": [FORBIDDEN]}, False),
        ({"data": {"nodes": [SHOWN]}, "errors": [FORBIDDEN]}, False),
        ({"data": {"nodes": [{"id": "I_kwDOB", "projectItems": None}]}}, False),
        ({"data": {"nodes": [{**SHOWN, "projectItems": {**SHOWN["projectItems"], "nodes": [None]}}]}}, False),  # type: ignore[dict-item]  # it is a table
        ({"data": {"nodes": [{**SHOWN, "id": None}]}}, False),
        ({"data": {"nodes": None}}, False),
        ({"errors": [UNKNOWN]}, False),
    ],
)
def test_incomplete_project_data_leaves_points_unknown(answer: dict[str, Any], *, known: bool) -> None:
    """For example a token without the scope, a hidden item, or a server without projects."""
    with responses.RequestsMock() as github:
        github.get(f"{SITE}/repositories/8001/issues/12", json=issue(node_id="I_kwDOB", issue_field_values=[]))
        github.post(f"{SITE}/graphql", json=answer)
        seen = connectors.github.GitHub().fetch_issue(WITH_NUMBERS, identity="8001#12", key="acme/checkout#12")
    assert (seen.points, seen.points_known) == (None, known)


def test_a_server_without_projects_is_queried_once() -> None:
    """The server will not get them while we run."""
    connector = connectors.github.GitHub()
    with responses.RequestsMock() as github:
        github.get(f"{SITE}/repositories/8001/issues/12", json=issue(node_id="I_kwDOB", issue_field_values=[]))
        github.post(f"{SITE}/graphql", json={"errors": [UNKNOWN]})
        for _ in range(3):
            assert not connector.fetch_issue(WITH_NUMBERS, identity="8001#12", key="acme/checkout#12").points_known
        graphql_calls = [call for call in github.calls if str(call.request.url).endswith("/graphql")]
    assert len(graphql_calls) == 2, "the second is the one that tells that leaving words out does not help"


def test_a_node_s_repository_must_be_the_requested_one() -> None:
    """Another repository may have the name now. A repository that can't be read counts as absent."""
    node = {"number": 12, "repository": {"id": "R_1", "nameWithOwner": "acme/checkout"}}
    for status, body in ((200, {"id": 8001, "node_id": "R_2"}), (404, {"message": "Not Found"})):
        with responses.RequestsMock() as github:
            github.post(f"{SITE}/graphql", json={"data": {"nodes": [node]}})
            github.get(f"{SITE}/repos/acme/checkout", status=status, json=body)
            with pytest.raises(Gone):
                connectors.github.GitHub().fetch_issue(WITH_NUMBERS, identity="node:acme/I_kwDOB", key="any")


def test_an_invalid_identity_is_rejected() -> None:
    """It is neither a number nor a node id."""
    with pytest.raises(Rejected):
        connectors.github.GitHub().fetch_issue(WITH_NUMBERS, identity="nodes", key="any")
