"""Many issues of a simulated GitHub looked at with one call are the same as each looked at by itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

import connectors.github
from connectors.github.api import node_ids
from connectors.http import HttpClient, Method
from connectors.responses import Response
from simulator import GitHub, SteppedClock
from simulator.github import Repository
from simulator.github.model.issue import Issue
from sync_service.domain.trackers import connector as domain
from sync_service.domain.trackers.capabilities import BatchFetch
from sync_service.domain.trackers.connector import Connection, Refused, Rejected, Unavailable
from sync_service.domain.trackers.observations import Closing, Parent, Snapshot
from tests.connectors.github.app_fixture import START


@dataclass
class Town:
    """GitHub with one issue or pull request of every kind, in two repositories."""

    hub: GitHub
    clock: SteppedClock
    here: Repository = field(init=False)
    there: Repository = field(init=False)
    options: dict[str, str] = field(default_factory=lambda: {"points_field": "Points"})

    def __post_init__(self) -> None:
        self.here, self.there = self.hub.repository("checkout"), self.hub.repository("payments")
        self.connector = connectors.github.GitHub(HttpClient(now=self.clock))
        self.connection = Connection(slug="gh", site=self.hub.api_url, token=self.hub.token, options=self.options)

    def furnish(self) -> None:
        """Let there be everything that an issue can have."""
        here, there = self.here, self.there
        pay = here.create_issue("Pay „bar“ 💶", labels=["ui", "check out"], assignees=["zoe", "Ana"], type="Bug")
        pay.set_milestone(here.create_milestone("v1"))
        for reason in ("completed", "not_planned", "duplicate"):
            here.create_issue(f"Closed as {reason}", labels=["ui"]).close(reason=reason)
        again = here.create_issue("Again")
        again.close()
        again.reopen()
        there.create_issue("Receipt", labels=["ui"])
        if not self.hub.ghes:
            self.hub.issue_field("Size", "text")
            pay.set_field("Points", 3)
            again.set_field("Size", "large")
            pay.add_sub_issue(here.issues[2])
            here.issues[1].add_sub_issue(there.issues[1])
        here.create_pull_request("Open", body="Fixes #1, closes acme/payments#1", labels=["ui"])
        here.create_pull_request("Draft", draft=True).link(here.issues[5])
        here.create_pull_request("Elsewhere", body="Fixes #1").retarget("release")
        here.create_pull_request("Merged", body="Resolves #2").merge()
        here.create_pull_request("Not merged").close()
        self.clock.step(60)

    def wanted(self, *works: Issue) -> dict[str, str]:
        """Name issues: all there are, unless some are given."""
        chosen = works or [one for place in (self.here, self.there) for one in place.issues.peek_all()]
        return {f"{one.repository.id}#{one.number}": f"{one.repository.full_name}#{one.number}" for one in chosen}

    def together(self, *works: Issue) -> Mapping[str, Any]:
        """Look at issues with one call."""
        return self.connector.fetch_issues(self.connection, wanted=self.wanted(*works))

    def fetch_issue(self, work: Issue) -> Snapshot:
        """Look at one by itself."""
        (identity, key), *_ = self.wanted(work).items()
        return self.connector.fetch_issue(self.connection, identity=identity, key=key)

    def calls(self, ending: str = "/graphql") -> int:
        """Count the answered calls whose path ends so."""
        return sum(call.path.endswith(ending) and call.status == 200 for call in self.hub.rest.calls)


@pytest.fixture
def town(ghes: str) -> Iterator[Town]:
    """Give a town on github.com, and one on an Enterprise Server."""
    clock = SteppedClock(START)
    with GitHub("acme", clock=clock, background=False, ghes=ghes) as hub:
        yield Town(hub, clock)


def test_the_connector_looks_together() -> None:
    """From three on: then it is cheaper than one by one."""
    connector = connectors.github.GitHub()
    assert isinstance(connector, BatchFetch)
    assert (connector.min_batch, connector.max_batch) == (3, 100)


def test_each_snapshot_is_the_one_that_a_look_at_it_gives(town: Town) -> None:
    """For every kind of issue and pull request, on github.com and where GraphQL knows less."""
    town.furnish()
    found = town.together()
    singly = {
        identity: town.connector.fetch_issue(town.connection, identity=identity, key=key)
        for identity, key in town.wanted().items()
    }
    assert found == singly
    assert len(found) == 11
    pay = found[f"{town.here.id}#1"]
    if not town.hub.ghes:
        assert (pay.points, pay.type, pay.points_known) == (3, "Bug", True)
        assert found[f"{town.here.id}#2"].parent == Parent("acme/checkout#1", f"{town.here.id}#1")
        assert found[f"{town.there.id}#1"].parent == Parent("acme/checkout#1")
        assert {one.resolution for one in found.values()} >= {"completed", "not_planned", "duplicate", "merged"}
    town.options["points_field"] = str(town.hub.issue_field("Points").id)
    town.connection = replace(town.connection, options=dict(town.options))
    assert town.together()[f"{town.here.id}#1"].points == (None if town.hub.ghes else 3)
    town.connection = replace(town.connection, options={})
    again = town.together()[f"{town.here.id}#1"]
    assert (again.points, again.points_known) == (None, True)


def test_a_pull_request_closes_what_github_says_beyond_keywords(town: Town) -> None:
    """Whether it is looked at by itself or with others: an issue linked by hand is in no text."""
    town.furnish()
    linked = (Closing("acme/checkout#5", f"{town.here.id}#5"),)
    assert town.fetch_issue(town.here.issues[7]).closes == linked
    assert town.together()[f"{town.here.id}#7"].closes == linked
    named = (Closing("acme/checkout#1", f"{town.here.id}#1"), Closing("acme/payments#1"))
    assert town.fetch_issue(town.here.issues[6]).closes == named
    assert town.fetch_issue(town.here.issues[8]).closes == ()


def faulty(town: Town, ending: str, status: int, body: bytes = b"{}") -> connectors.github.GitHub:
    """Give a connector whose calls to one address end badly."""

    class Faulty(HttpClient):
        def send(self, method: Method, url: str, **asked: Any) -> Response:
            """Answer in GitHub's place, or let it answer."""
            if url.endswith(ending):
                return Response(url, status=status, headers={}, body=body)
            return HttpClient.send(self, method, url, **asked)

    return connectors.github.GitHub(Faulty(now=town.clock))


@pytest.mark.parametrize(
    ("status", "body"), [(403, b"{}"), (404, b"{}"), (200, b"{}"), (200, b'{"data": {"node": {}}}')]
)
def test_where_github_does_not_say_it_the_keywords_stand(town: Town, status: int, body: bytes) -> None:
    """As with credentials that GraphQL does not take."""
    town.furnish()
    town.connector = faulty(town, "/graphql", status, body)
    assert town.fetch_issue(town.here.issues[6]).closes == (
        Closing("acme/checkout#1", f"{town.here.id}#1"),
        Closing("acme/payments#1"),
    )


def test_a_hundred_cost_few_calls_and_points(town: Town) -> None:
    """A repository's ids and its labels are learned once, and not again."""
    for number in range(100):
        town.here.create_issue(f"Pay {number}", labels=["ui"])
    town.hub.limits.switch_on()
    assert len(town.together()) == 100
    asked = 2 if not town.hub.ghes else town.calls()  # the issues, and what projects have of them
    assert (town.calls(), town.calls("/labels"), town.calls(f"/repositories/{town.here.id}")) == (asked, 1, 1)
    points = town.hub.limits.remaining(f"user ID {town.hub.actor.id}", "graphql")["used"]
    assert points <= 6 + asked
    town.hub.rest.calls.clear()
    assert len(town.together()) == 100
    assert len(town.hub.rest.calls) == 2


def test_what_is_not_found_is_left_out(town: Town) -> None:
    """Deleted, transferred or hidden: each tells by itself. So does what is no issue's name, or too large."""
    town.furnish()
    works = [town.here.issues[number] for number in (1, 2, 3)]
    wanted = town.wanted(*works) | {"7#1": "acme/nowhere#1", "x": "x", f"{town.here.id}#3000000000": "acme/checkout#3"}
    works[0].delete()
    works[1].transfer(town.there)
    found = town.connector.fetch_issues(town.connection, wanted=wanted)
    assert list(found) == [f"{town.here.id}#3"]
    town.here.visible = False
    assert town.connector.fetch_issues(town.connection, wanted=wanted) == {}


def test_what_graphql_can_not_tell_exactly_is_left_out(town: Town) -> None:
    """A bot's issue, one assigned to a bot, and one with a label that is not learned."""
    town.furnish()
    bot = town.hub.user("renovate[bot]", kind="Bot")
    with town.hub.acting_as(bot):
        town.here.create_issue("By a bot")
    if not town.hub.ghes:
        town.here.issues[1].assign("renovate[bot]")
    town.here.issues[2].label("new")
    found = town.together()
    assert f"{town.here.id}#11" not in found
    assert (f"{town.here.id}#1" in found) == bool(town.hub.ghes)
    assert f"{town.here.id}#2" in found


def test_labels_that_are_too_many_to_learn_leave_their_issues_out(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is known is bounded."""
    monkeypatch.setattr(node_ids, "_PER_PAGE", 2)
    monkeypatch.setattr(node_ids, "MOST_PAGES", 2)
    monkeypatch.setattr(node_ids, "MOST_KNOWN", 2)
    for number in range(6):
        town.here.create_issue(f"Pay {number}", labels=[f"label {number}"])
    found = town.together()
    assert set(found) == {f"{town.here.id}#{number}" for number in (3, 4)}, "the others' labels are not known now"


@pytest.mark.parametrize("status", [403, 404])
def test_what_can_not_be_learned_is_left_out(town: Town, status: int) -> None:
    """Each issue tells by itself what is the matter."""
    town.furnish()
    town.connector = faulty(town, "/labels", status)
    assert f"{town.here.id}#1" not in town.together()
    assert set(town.together(town.here.issues[5])) == {f"{town.here.id}#5"}, "it has no label"
    town.connector = faulty(town, f"/repositories/{town.here.id}", status)
    assert set(town.together()) == {f"{town.there.id}#1"}
    town.connector = faulty(town, f"/repositories/{town.here.id}", 200)
    assert set(town.together()) == {f"{town.there.id}#1"}


@pytest.mark.parametrize("errors", ['[{"message": "no"}]', '[{"extensions": {"fieldName": "parent"}}]'])
def test_an_answer_without_anything_is_a_fault(town: Town, errors: str) -> None:
    """Even where it goes on naming words that are left out already."""
    town.furnish()
    town.connector = faulty(town, "/graphql", 200, f'{{"errors": {errors}}}'.encode())
    with pytest.raises(Rejected):
        town.together()


def test_a_limit_is_that_of_graphql_alone(town: Town) -> None:
    """Looks one by one go on, but for those whose points may stand in a project: they would be lost."""
    town.furnish()
    town.together()
    town.hub.limits.switch_on()
    town.hub.limits.spend(f"user ID {town.hub.actor.id}", "graphql", 5000)
    with pytest.raises(Unavailable) as caught:
        town.together()
    assert caught.value.bucket == "token/graphql" == town.connector.bucket_for_batch(town.connection, about="7#1")
    with pytest.raises(Unavailable) as caught:
        town.fetch_issue(town.here.issues[2])
    assert caught.value.bucket == "token/graphql"
    town.connection = replace(town.connection, options={})
    assert town.fetch_issue(town.here.issues[1])


@pytest.mark.parametrize("kind", ["app", "token"])
def test_what_may_not_be_seen_is_left_out(town: Town, kind: str) -> None:
    """Pull requests without the permission; another repository."""
    town.furnish()
    rights = {"metadata": "read", "issues": "read"}
    if kind == "app":
        app = town.hub.create_app(permissions=rights)
        app.install([town.here])
        credentials: dict[str, Any] = {"app": domain.AppKey(str(app.id), app.pem)}
    else:
        credentials = {"token": town.hub.add_token("ana", permissions=rights, repositories=[town.here]).text}
    town.connection = Connection(slug="gh", site=town.hub.api_url, options=town.options, **credentials)
    found = town.together()
    assert set(found) == {f"{town.here.id}#{number}" for number in range(1, 6)}


def test_refused_credentials_are_a_fault_once_they_are_used(town: Town) -> None:
    """Those that can't even see the repository leave it to looks one by one to say so."""
    town.furnish()
    good, bad = town.connection, replace(town.connection, token="wrong")
    town.connection = bad
    assert town.together() == {}
    town.connection = good
    assert town.together()
    town.connection = bad
    with pytest.raises(Refused):
        town.together()
