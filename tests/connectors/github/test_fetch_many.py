"""Fetch many issues with one call: the results equal single fetches."""

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
from simulator.github.model.fields import FieldType
from simulator.github.model.issue import Issue
from sync_service.domain.trackers import connector as domain
from sync_service.domain.trackers.capabilities import BatchFetch
from sync_service.domain.trackers.connector import Connection, Refused, Rejected, Unavailable
from sync_service.domain.trackers.observations import Closing, Parent, Snapshot
from tests.connectors.github.app_fixture import START


@dataclass
class FetchHarness:
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

    def add_issues(self) -> None:
        """Create issues that use every field."""
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

    def requests(self, *works: Issue) -> dict[str, str]:
        """Return the given issues, or all, as the connector takes them."""
        chosen = works or [one for repository in (self.here, self.there) for one in repository.issues.peek_all()]
        return {f"{one.repository.id}#{one.number}": f"{one.repository.full_name}#{one.number}" for one in chosen}

    def fetch_many(self, *works: Issue) -> Mapping[str, Any]:
        """Fetch issues with one call."""
        return self.connector.fetch_issues(self.connection, wanted=self.requests(*works))

    def fetch_issue(self, work: Issue) -> Snapshot:
        """Fetch one issue."""
        (identity, key), *_ = self.requests(work).items()
        return self.connector.fetch_issue(self.connection, identity=identity, key=key)

    def calls(self, ending: str = "/graphql") -> int:
        """Return the number of answered calls whose path has this end."""
        return sum(call.path.endswith(ending) and call.status == 200 for call in self.hub.rest.calls)


@pytest.fixture
def harness(ghes: str) -> Iterator[FetchHarness]:
    """Yield the harness on github.com, and on an Enterprise Server."""
    clock = SteppedClock(START)
    with GitHub("acme", clock=clock, background=False, ghes=ghes) as hub:
        yield FetchHarness(hub, clock)


def test_the_connector_fetches_three_or_more_together() -> None:
    """From three on one call is cheaper."""
    connector = connectors.github.GitHub()
    assert isinstance(connector, BatchFetch)
    assert (connector.min_batch, connector.max_batch) == (3, 100)


@pytest.mark.slow
def test_each_snapshot_equals_a_single_fetch(harness: FetchHarness) -> None:
    """For every kind of issue and pull request, on github.com and on a server whose GraphQL has fewer fields."""
    harness.add_issues()
    found = harness.fetch_many()
    singly = {
        identity: harness.connector.fetch_issue(harness.connection, identity=identity, key=key)
        for identity, key in harness.requests().items()
    }
    assert found == singly
    assert len(found) == 11
    pay = found[f"{harness.here.id}#1"]
    if not harness.hub.ghes:
        assert (pay.points, pay.type, pay.points_known) == (3, "Bug", True)
        assert found[f"{harness.here.id}#2"].parent == Parent("acme/checkout#1", f"{harness.here.id}#1")
        assert found[f"{harness.there.id}#1"].parent == Parent("acme/checkout#1")
        assert {one.resolution for one in found.values()} >= {"completed", "not_planned", "duplicate", "merged"}
    harness.options["points_field"] = str(harness.hub.issue_field("Points").id)
    harness.connection = replace(harness.connection, options=dict(harness.options))
    assert harness.fetch_many()[f"{harness.here.id}#1"].points == (None if harness.hub.ghes else 3)
    harness.connection = replace(harness.connection, options={})
    again = harness.fetch_many()[f"{harness.here.id}#1"]
    assert (again.points, again.points_known) == (None, True)


@pytest.mark.parametrize("ghes", [""])
@pytest.mark.parametrize("kind", ["text", "single_select"])
def test_points_in_texts_and_options_are_read_in_common_fetches_as_in_single_ones(
    harness: FetchHarness, kind: FieldType
) -> None:
    """What is no number is unknown, not none."""
    options = ("8", "XS") if kind == "single_select" else ()
    harness.hub.issue_field("Size", kind, options=options)
    harness.options["points_field"] = "Size"
    works = [harness.here.create_issue(title) for title in ("One", "Other", "None")]
    for work, value in zip(works, ("8", "XS"), strict=False):
        work.set_field("Size", value)
    found = harness.fetch_many(*works)
    assert [(one.points, one.points_known) for one in found.values()] == [(8, True), (None, False), (None, True)]
    assert list(found.values()) == [harness.fetch_issue(work) for work in works]


def test_closing_links_include_those_added_manually(harness: FetchHarness) -> None:
    """In single and in common fetches: the description does not have them."""
    harness.add_issues()
    linked = (Closing("acme/checkout#5", f"{harness.here.id}#5"),)
    assert harness.fetch_issue(harness.here.issues[7]).closes == linked
    assert harness.fetch_many()[f"{harness.here.id}#7"].closes == linked
    named = (Closing("acme/checkout#1", f"{harness.here.id}#1"), Closing("acme/payments#1"))
    assert harness.fetch_issue(harness.here.issues[6]).closes == named
    assert harness.fetch_issue(harness.here.issues[8]).closes == ()


def faulty(harness: FetchHarness, ending: str, status: int, body: bytes = b"{}") -> connectors.github.GitHub:
    """Return a connector whose calls to one address fail."""

    class Faulty(HttpClient):
        def send(self, method: Method, url: str, **requested: Any) -> Response:
            """Return the prepared response, or GitHub's."""
            if url.endswith(ending):
                return Response(url, status=status, headers={}, body=body)
            return HttpClient.send(self, method, url, **requested)

    return connectors.github.GitHub(Faulty(now=harness.clock))


@pytest.mark.parametrize(
    ("status", "body"), [(403, b"{}"), (404, b"{}"), (200, b"{}"), (200, b'{"data": {"node": {}}}')]
)
def test_without_closing_links_from_github_the_keywords_count(harness: FetchHarness, status: int, body: bytes) -> None:
    """For example if GraphQL refuses the credentials."""
    harness.add_issues()
    harness.connector = faulty(harness, "/graphql", status, body)
    assert harness.fetch_issue(harness.here.issues[6]).closes == (
        Closing("acme/checkout#1", f"{harness.here.id}#1"),
        Closing("acme/payments#1"),
    )


@pytest.mark.slow
def test_a_hundred_issues_cost_few_calls_and_points(harness: FetchHarness) -> None:
    """A repository's ids and labels are read once."""
    for number in range(100):
        harness.here.create_issue(f"Pay {number}", labels=["ui"])
    harness.hub.limits.switch_on()
    assert len(harness.fetch_many()) == 100
    requested = 2 if not harness.hub.ghes else harness.calls()  # the issues, and their project values
    assert (harness.calls(), harness.calls("/labels"), harness.calls(f"/repositories/{harness.here.id}")) == (
        requested,
        1,
        1,
    )
    points = harness.hub.limits.remaining(f"user ID {harness.hub.actor.id}", "graphql")["used"]
    assert points <= 6 + requested
    harness.hub.rest.calls.clear()
    assert len(harness.fetch_many()) == 100
    assert len(harness.hub.rest.calls) == 2


def test_issues_that_are_not_found_are_left_out(harness: FetchHarness) -> None:
    """Deleted, transferred or hidden: a single fetch shows which. An invalid or too large key is left out too."""
    harness.add_issues()
    works = [harness.here.issues[number] for number in (1, 2, 3)]
    requests = harness.requests(*works) | {
        "7#1": "acme/nowhere#1",
        "x": "x",
        f"{harness.here.id}#3000000000": "acme/checkout#3",
    }
    works[0].delete()
    works[1].transfer(harness.there)
    found = harness.connector.fetch_issues(harness.connection, wanted=requests)
    assert list(found) == [f"{harness.here.id}#3"]
    harness.here.visible = False
    assert harness.connector.fetch_issues(harness.connection, wanted=requests) == {}


def test_issues_that_graphql_can_not_describe_exactly_are_left_out(harness: FetchHarness) -> None:
    """An issue by a bot, one assigned to a bot, and one with an unknown label."""
    harness.add_issues()
    bot = harness.hub.user("renovate[bot]", kind="Bot")
    with harness.hub.acting_as(bot):
        harness.here.create_issue("By a bot")
    if not harness.hub.ghes:
        harness.here.issues[1].assign("renovate[bot]")
    harness.here.issues[2].label("new")
    found = harness.fetch_many()
    assert f"{harness.here.id}#11" not in found
    assert (f"{harness.here.id}#1" in found) == bool(harness.hub.ghes)
    assert f"{harness.here.id}#2" in found


def test_too_many_labels_leave_their_issues_out(harness: FetchHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache of labels is limited."""
    monkeypatch.setattr(node_ids, "_PER_PAGE", 2)
    monkeypatch.setattr(node_ids, "MOST_PAGES", 2)
    monkeypatch.setattr(node_ids, "MOST_KNOWN", 2)
    for number in range(6):
        harness.here.create_issue(f"Pay {number}", labels=[f"label {number}"])
    found = harness.fetch_many()
    assert set(found) == {f"{harness.here.id}#{number}" for number in (3, 4)}, "the others' labels are not known now"


@pytest.mark.parametrize("status", [403, 404])
def test_issues_of_unreadable_repositories_are_left_out(harness: FetchHarness, status: int) -> None:
    """A single fetch shows the reason."""
    harness.add_issues()
    harness.connector = faulty(harness, "/labels", status)
    assert f"{harness.here.id}#1" not in harness.fetch_many()
    assert set(harness.fetch_many(harness.here.issues[5])) == {f"{harness.here.id}#5"}, "it has no label"
    harness.connector = faulty(harness, f"/repositories/{harness.here.id}", status)
    assert set(harness.fetch_many()) == {f"{harness.there.id}#1"}
    harness.connector = faulty(harness, f"/repositories/{harness.here.id}", 200)
    assert set(harness.fetch_many()) == {f"{harness.there.id}#1"}


@pytest.mark.parametrize("errors", ['[{"message": "no"}]', '[{"extensions": {"fieldName": "parent"}}]'])
def test_an_empty_response_is_an_error(harness: FetchHarness, errors: str) -> None:
    """Even if GitHub keeps rejecting terms that are already left out."""
    harness.add_issues()
    harness.connector = faulty(harness, "/graphql", 200, f'{{"errors": {errors}}}'.encode())
    with pytest.raises(Rejected):
        harness.fetch_many()


def test_a_graphql_rate_limit_holds_for_graphql_alone(harness: FetchHarness) -> None:
    """Single fetches continue, except for issues with points in a project, which would lose them."""
    harness.add_issues()
    harness.fetch_many()
    harness.hub.limits.switch_on()
    harness.hub.limits.spend(f"user ID {harness.hub.actor.id}", "graphql", 5000)
    with pytest.raises(Unavailable) as caught:
        harness.fetch_many()
    assert caught.value.bucket == "token/graphql" == harness.connector.bucket_for_batch(harness.connection, about="7#1")
    with pytest.raises(Unavailable) as caught:
        harness.fetch_issue(harness.here.issues[2])
    assert caught.value.bucket == "token/graphql"
    harness.connection = replace(harness.connection, options={})
    assert harness.fetch_issue(harness.here.issues[1])


@pytest.mark.parametrize("kind", ["app", "token"])
def test_forbidden_issues_are_left_out(harness: FetchHarness, kind: str) -> None:
    """Pull requests without the permission, and another repository."""
    harness.add_issues()
    rights = {"metadata": "read", "issues": "read"}
    if kind == "app":
        app = harness.hub.create_app(permissions=rights)
        app.install([harness.here])
        credentials: dict[str, Any] = {"app": domain.AppKey(str(app.id), app.pem)}
    else:
        credentials = {"token": harness.hub.add_token("ana", permissions=rights, repositories=[harness.here]).text}
    harness.connection = Connection(slug="gh", site=harness.hub.api_url, options=harness.options, **credentials)
    found = harness.fetch_many()
    assert set(found) == {f"{harness.here.id}#{number}" for number in range(1, 6)}


def test_refused_credentials_are_an_error_once_they_are_used(harness: FetchHarness) -> None:
    """If they can't even see the repository, single fetches report it."""
    harness.add_issues()
    good, bad = harness.connection, replace(harness.connection, token="wrong")
    harness.connection = bad
    assert harness.fetch_many() == {}
    harness.connection = good
    assert harness.fetch_many()
    harness.connection = bad
    with pytest.raises(Refused):
        harness.fetch_many()


def test_accounts_have_their_ids_in_common_fetches_as_in_single_ones(harness: FetchHarness) -> None:
    """A login may be renamed, and taken by another person."""
    harness.add_issues()
    work = [harness.here.issues[1], harness.there.issues[1], harness.here.issues[2]]
    ids = {f"{one.repository.id}#{one.number}": [one.author.id, *(who.id for who in one.assignees)] for one in work}
    keys = {f"{one.repository.id}#{one.number}": f"{one.repository.full_name}#{one.number}" for one in work}
    together = harness.connector.fetch_issues(harness.connection, wanted=keys)
    alone = {one: harness.connector.fetch_issue(harness.connection, identity=one, key=key) for one, key in keys.items()}
    for found in (together, alone):
        assert {one: _account_ids(seen) for one, seen in found.items()} == {
            one: {str(id_) for id_ in some} for one, some in ids.items()
        }


def _account_ids(seen: object) -> set[str | None]:
    assert isinstance(seen, Snapshot)
    return {one.stable_id for one in (seen.author, *seen.assignees) if one}
