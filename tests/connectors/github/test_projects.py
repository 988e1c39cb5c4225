"""Numbers that issues have in projects, as looks and lists find them."""

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
from sync_service.domain.trackers import connector as domain
from sync_service.domain.trackers.capabilities import ChangesRequest
from sync_service.domain.trackers.connector import Connection, Gone, Rejected, ResolvedTo, Unavailable
from sync_service.domain.trackers.observations import Number, ScopeRef, Snapshot
from tests.connectors.github.app_fixture import START
from tests.connectors.github.payloads import CONNECTION, issue

WANTED = replace(CONNECTION, options={"points_field": "Points", "number_fields": ["Effort"]})


@dataclass
class Town:
    """GitHub with a repository, projects, and a connection that reads two fields."""

    hub: GitHub
    place: Repository = field(init=False)
    options: dict[str, Any] = field(default_factory=lambda: {"points_field": "Points", "number_fields": ["Effort"]})

    def __post_init__(self) -> None:
        self.place = self.hub.repository("checkout")
        self.connector = connectors.github.GitHub(HttpClient(now=self.hub.clock))
        self.connection = self.by(token=self.hub.token)

    def by(self, **credentials: Any) -> Connection:
        """Connect with other credentials."""
        return Connection(slug="gh", site=self.hub.api_url, options=self.options, **credentials)

    def estimated(self, title: str, points: float | None) -> Issue:
        """Make an issue that has so many points in a project."""
        work = self.place.create_issue(title)
        self.hub.project("Roadmap").add(work).set("Points", points, type="number")
        return work

    def fetch_issue(self, work: Issue) -> Snapshot:
        """Look at one by itself."""
        return self.connector.fetch_issue(self.connection, identity=f"{self.place.id}#{work.number}", key="any")

    def all(self) -> list[Snapshot]:
        """Look at one by one, together, and list: each says the same."""
        asked = ChangesRequest(name="acme/checkout", id=str(self.place.id), since=None)
        page = self.connector.list_changes(self.connection, asked=asked, cursor=None)
        listed = [one for one in page.observations if isinstance(one, Snapshot)]
        wanted = {one.identity: one.key for one in listed}
        together = self.connector.fetch_issues(self.connection, wanted=wanted)
        singly = [self.connector.fetch_issue(self.connection, identity=one, key="any") for one in wanted]
        assert [_numbers(one) for one in listed] == [_numbers(one) for one in singly]
        assert [together[one] for one in wanted] == singly
        return singly

    def named(self, work: Issue, login: str = "acme") -> str:
        """Give the identity that a delivery about a project's item has."""
        return f"node:{login}/{work.node_id}"

    def find(self, *names: str) -> list[ResolvedTo | Gone]:
        """Find by nodes."""
        found = self.connector.fetch_issues(self.connection, wanted=dict.fromkeys(names, "any"))
        return [one for name in names if isinstance(one := found[name], ResolvedTo | Gone)]

    def calls(self, bucket: str) -> int:
        """Count the answered calls whose path holds this."""
        return sum(bucket in call.path and call.status == 200 for call in self.hub.rest.calls)


def _numbers(one: Snapshot) -> Any:
    return one.identity, one.points, one.points_known, one.numbers


@pytest.fixture
def town(ghes: str) -> Iterator[Town]:
    """Give a town on github.com, and one on an Enterprise Server."""
    with GitHub("acme", clock=SteppedClock(START), background=False, ghes=ghes) as hub:
        yield Town(hub)


def test_numbers_come_from_projects(town: Town) -> None:
    """Set, and not set; with a look, a look at many and a list."""
    town.estimated("Pay", 5).repository.create_issue("Nowhere")
    town.estimated("Unset", None)
    town.place.create_pull_request("Add")
    pay, nowhere, unset, pull = town.all()
    assert (pay.points, pay.points_known, pay.numbers) == (5, True, (Number("Effort", None),))
    assert (nowhere.points, nowhere.points_known) == (None, True) == (unset.points, unset.points_known)
    assert (pull.points, pull.numbers) == (None, ())


def test_the_members_of_a_search_have_numbers_of_projects_too(town: Town) -> None:
    """As a list has them."""
    town.estimated("Pay", 5)
    town.place.create_issue("Nowhere")
    town.place.create_pull_request("Add")
    scopes = [ScopeRef(str(town.place.id), "acme/checkout")]
    query = "repo:acme/checkout is:issue"
    page = town.connector.list_members(town.connection, query=query, scopes=scopes, cursor=None)
    found = [(one.points, one.points_known) for one in page.observations if isinstance(one, Snapshot)]
    assert found == [(5, True), (None, True)]


@pytest.mark.parametrize("ghes", [""])
def test_an_issue_field_of_that_name_wins(town: Town) -> None:
    """Where the issue has it, which an Enterprise Server knows nothing of; nobody asks projects then."""
    town.options["number_fields"] = []
    town.estimated("Pay", 5).set_field("Points", 3)
    town.hub.rest.calls.clear()
    assert town.fetch_issue(town.place.issues[1]).points == 3
    assert town.calls("/graphql") == 0
    town.place.issues[1].clear_field("Points")
    assert town.fetch_issue(town.place.issues[1]).points == 5


def test_of_several_projects_the_highest_number_goes_first_and_archived_items_last(town: Town) -> None:
    """But for those that have no value in the field."""
    pay = town.estimated("Pay", 5)
    item = town.hub.project("Next year").add(pay)
    assert town.fetch_issue(pay).points == 5
    item.set("Points", 8, type="number")
    item.set("Effort", 1.5, type="number")
    town.hub.project("Third").add(pay).set("Points", "many", type="text")
    assert (town.fetch_issue(pay).points, town.fetch_issue(pay).numbers) == (8, (Number("Effort", 1.5),))
    item.archive()
    assert (town.fetch_issue(pay).points, town.fetch_issue(pay).numbers) == (5, (Number("Effort", 1.5),))
    town.hub.project("Roadmap").items[0].delete()
    assert town.fetch_issue(pay).points == 8


def test_an_issue_in_too_many_projects_has_unknown_points(town: Town) -> None:
    """Which of them is in force is not known."""
    pay = town.estimated("Pay", 5)
    for number in range(20):
        town.hub.project(f"P{number}").add(pay)
    assert not town.fetch_issue(pay).points_known


def test_credentials_that_may_not_read_projects_leave_points_unknown(town: Town) -> None:
    """And everything else is seen as ever."""
    town.estimated("Pay", 5)
    town.place.create_issue("Other")
    rights = {"metadata": "read", "issues": "read", "pull_requests": "read"}
    town.connection = town.by(token=town.hub.add_token("ana", permissions=rights).text)
    assert [(one.points, one.points_known, one.numbers) for one in town.all()] == [(None, False, ())] * 2


def test_nobody_asks_projects_where_no_numbers_are_read(town: Town) -> None:
    """It would be for nothing."""
    town.options.clear()
    pay = town.estimated("Pay", 5)
    town.hub.rest.calls.clear()
    assert town.fetch_issue(pay).points is None
    assert town.calls("/graphql") == 0


def test_a_hundred_issues_of_a_list_take_one_question_more(town: Town) -> None:
    """Of about a point."""
    for number in range(100):
        town.place.create_issue(f"Pay {number}")
    town.hub.limits.switch_on()
    town.connector.list_changes(
        town.connection, asked=ChangesRequest(name="acme/checkout", id=None, since=None), cursor=None
    )
    assert town.calls("/graphql") == 1
    assert town.hub.limits.remaining(f"user ID {town.hub.actor.id}", "graphql")["used"] <= 2


def test_a_node_leads_to_the_issue(town: Town) -> None:
    """A repository's number is learned once."""
    pay, other = town.estimated("Pay", 5), town.estimated("Other", 3)
    scope = ScopeRef(str(town.place.id), "acme/checkout")
    found = [one.fetch for one in town.find(town.named(pay), town.named(other)) if isinstance(one, ResolvedTo)]
    assert [(one.identity, one.key, one.scope) for one in found] == [
        (f"{scope.id}#1", "acme/checkout#1", scope),
        (f"{scope.id}#2", "acme/checkout#2", scope),
    ]
    assert (town.calls("/graphql"), town.calls("/repos/acme/checkout")) == (1, 1)
    with pytest.raises(ResolvedTo, match="acme/checkout#1"):
        town.connector.fetch_issue(town.connection, identity=town.named(pay), key="any")
    assert town.calls("/repos/acme/checkout") == 1


def test_a_node_that_is_no_issue_or_can_not_be_seen_is_not_proven_gone(town: Town) -> None:
    """Deleted, hidden or of another kind; the others are found."""
    pay, gone = town.estimated("Pay", 5), town.estimated("Gone", 3)
    pull = town.place.create_pull_request("Add")
    hidden = town.hub.repository("hidden").create_issue("Secret")
    town.hub.repository("hidden").visible = False
    gone.delete()
    names = [town.named(one) for one in (gone, pull, hidden)]
    found = town.find(*names, town.named(pay), "node:acme/I_nonsense")
    assert [isinstance(one, Gone) and not one.proven for one in found] == [True, True, True, False, True]


def test_an_app_finds_nodes_with_the_installation_on_the_organization(town: Town) -> None:
    """Though no repository is told; where it is installed on others alone it finds nothing."""
    pay = town.estimated("Pay", 5)
    app = town.hub.create_app(permissions={"issues": "read", "organization_projects": "read"})
    app.install([town.place])
    town.connection = town.by(app=domain.AppKey(str(app.id), app.pem))
    (found,) = town.find(town.named(pay))
    assert isinstance(found, ResolvedTo)
    assert town.fetch_issue(pay).points == 5
    with pytest.raises(Gone):
        town.find(town.named(pay, "umbrella"))


def test_a_look_at_a_node_waits_for_the_limit_of_graphql(town: Town) -> None:
    """It makes no other calls."""
    pay = town.estimated("Pay", 5)
    town.hub.limits.switch_on()
    town.hub.limits.spend(f"user ID {town.hub.actor.id}", "graphql", 5000)
    with pytest.raises(Unavailable) as caught:
        town.connector.fetch_issue(town.connection, identity=town.named(pay), key="any")
    about = town.named(pay)
    assert caught.value.bucket == "token/graphql" == town.connector.bucket_for(town.connection, about=about)
    assert town.connector.bucket_for_batch(town.connection, about=about) == "token/graphql"


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
def test_what_is_not_shown_whole_leaves_points_unknown(answer: dict[str, Any], *, known: bool) -> None:
    """Whatever the reason: a token without the scope, an item that is hidden, a server without projects."""
    with responses.RequestsMock() as github:
        github.get(f"{SITE}/repositories/8001/issues/12", json=issue(node_id="I_kwDOB", issue_field_values=[]))
        github.post(f"{SITE}/graphql", json=answer)
        seen = connectors.github.GitHub().fetch_issue(WANTED, identity="8001#12", key="acme/checkout#12")
    assert (seen.points, seen.points_known) == (None, known)


def test_a_server_without_projects_is_asked_once() -> None:
    """It does not learn them while we run."""
    connector = connectors.github.GitHub()
    with responses.RequestsMock() as github:
        github.get(f"{SITE}/repositories/8001/issues/12", json=issue(node_id="I_kwDOB", issue_field_values=[]))
        github.post(f"{SITE}/graphql", json={"errors": [UNKNOWN]})
        for _ in range(3):
            assert not connector.fetch_issue(WANTED, identity="8001#12", key="acme/checkout#12").points_known
        asked = [call for call in github.calls if str(call.request.url).endswith("/graphql")]
    assert len(asked) == 2, "the second is the one that tells that leaving words out does not help"


def test_a_node_s_repository_must_be_the_one_that_was_asked_for() -> None:
    """Its name may be another's by now; and one that can't be asked is not there."""
    told = {"number": 12, "repository": {"id": "R_1", "nameWithOwner": "acme/checkout"}}
    for status, body in ((200, {"id": 8001, "node_id": "R_2"}), (404, {"message": "Not Found"})):
        with responses.RequestsMock() as github:
            github.post(f"{SITE}/graphql", json={"data": {"nodes": [told]}})
            github.get(f"{SITE}/repos/acme/checkout", status=status, json=body)
            with pytest.raises(Gone):
                connectors.github.GitHub().fetch_issue(WANTED, identity="node:acme/I_kwDOB", key="any")


def test_an_identity_that_is_none_is_rejected() -> None:
    """Neither a number nor a node."""
    with pytest.raises(Rejected):
        connectors.github.GitHub().fetch_issue(WANTED, identity="nodes", key="any")
