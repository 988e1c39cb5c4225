"""Malformed replies of trackers: whatever a connector calls for, it raises only `ConnectorError`s."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

import connectors.github
import connectors.jira
from connectors.github.api.graphql import partial_data_or_raise, raise_for_graphql_errors
from connectors.github.redelivery import redeliver
from connectors.http import HttpClient
from connectors.responses import Response
from simulator import GitHub, Jira, SteppedClock
from sync_service.domain.trackers.capabilities import ChangesRequest
from sync_service.domain.trackers.connector import Connection, ConnectorError, Rejected
from sync_service.domain.trackers.merge import merge_snapshot
from sync_service.domain.trackers.observations import Kind, ScopeRef, State
from sync_service.domain.trackers.queries import Candidate
from sync_service.domain.trackers.state_changes import HistoryRef
from sync_service.domain.trackers.write_back import Note, ServedKeyResult
from tests.connectors.github.doctor_fixture import EVENTS
from tests.connectors.replayed_replies import run_with_each_reply_changed
from tests.flows.issue_factory import issue as issue_like
from tests.simulator.receiver import Receiver

START = datetime(2026, 11, 23, 10, tzinfo=UTC)
SERVED = ServedKeyResult(
    slug="KR-1", title="Ship", url="https://okr.example/key-results/KR-1", objective="Fast", value="1", target="2",
    progress="50 %", status="on track",
)  # fmt: skip
NOTE = Note((SERVED,))

Calls = Mapping[str, Callable[[Any], object]]
"""What is called of a connector, by its name."""


def asked(name: str, id_: object) -> ChangesRequest:
    """Return a request for the changes of a scope."""
    return ChangesRequest(name=name, id=str(id_), since=START - timedelta(days=3))


def histories(wanted: Mapping[str, str]) -> list[HistoryRef]:
    """Return requests for the histories of issues."""
    return [
        HistoryRef(identity=one, key=key, kind=Kind.ISSUE, state=State.DONE, created_at=START)
        for one, key in wanted.items()
    ]


def calls_of_all(about: Connection, *, scope: ScopeRef, wanted: Mapping[str, str]) -> Calls:
    """Return the calls that both connectors have."""
    identity, key = next(iter(wanted.items()))
    return {
        "doctor": lambda one: list(one.check_connection(about, scopes=[scope.name], hooked=True)),
        "fetch": lambda one: one.fetch_issue(about, identity=identity, key=key),
        "fetch many": lambda one: one.fetch_issues(about, wanted=wanted),
        "list": lambda one: one.list_changes(about, asked=asked(scope.name, scope.id), cursor=None),
        "histories": lambda one: list(one.read_history(about, histories(wanted))),
        "identify": lambda one: one.identify(about),
        "scopes": lambda one: one.list_scopes(about, most=10),
        "webhooks": lambda one: one.create_webhooks(
            about, scopes=[scope.name], hook_url=about.hook_url, secret="s" * 30
        ),
        "write": lambda one: one.write(about, identity=identity, key=key, note=NOTE, memory=None, force=False),
        "remove": lambda one: one.remove_note(about, identity=identity, key=key, memory=None),
    }


def bugs(made: Callable[[HttpClient], Any], calls: Calls, clock: SteppedClock) -> Iterator[str]:
    """Yield the other errors that calls raise when one value of one reply is malformed."""
    for name, call in calls.items():
        run = partial(_call_with, call, made)
        for request, path, odd, error in run_with_each_reply_changed(run, now=clock):
            if not isinstance(error, ConnectorError):
                yield f"{name}: {request[:80]}, {path} = {str(odd)[:40]!r}: {error!r}"


def _call_with(call: Callable[[Any], object], made: Callable[[HttpClient], Any], http: HttpClient) -> None:
    call(made(http))


@pytest.mark.slow
@pytest.mark.parametrize("data_center", [False, True])
def test_any_malformed_value_in_a_reply_of_jira_is_handled(*, data_center: bool) -> None:
    """Of every call, on Cloud and on Data Center."""
    clock = SteppedClock(START)
    with Jira(data_center=data_center, clock=clock, background=False) as jira:
        shop = jira.project("SHOP", "Shop")
        issues = [shop.create_issue(title, labels=["checkout"]) for title in ("Pay", "Pay later")]
        issues[0].comment("/okr KR-1")
        about = Connection(
            slug="here", site=jira.url, hook_url="https://okr.example.com/hooks/here", token=jira.token,
            writes_back=True, owner_marker="f00d",
            options={"points_field": "Story Points", "number_fields": ["Story Points"], "dropped_resolutions": ["No"]}
            | ({} if data_center else {"email": jira.email}),
        )  # fmt: skip
        jira.add_hook(url=about.hook_url)
        scope, query = ScopeRef(str(shop.id), "SHOP"), "labels = checkout"
        candidates = [
            Candidate(
                issue=merge_snapshot(None, issue_like(1, 0, identity=issues[0].id)), scope_names=frozenset({"SHOP"})
            )
        ]
        calls = {
            **calls_of_all(about, scope=scope, wanted={one.id: one.key for one in issues}),
            "check query": lambda one: one.check_query(about, query=query),
            "members": lambda one: one.list_members(about, query=query, scopes=[scope], cursor=None),
            "match": lambda one: one.match(about, queries=[query], candidates=candidates),
        }
        if data_center:
            del calls["match"]
        assert list(bugs(connectors.jira.Jira, calls, clock)) == []


@pytest.mark.slow
def test_any_malformed_value_in_a_reply_of_github_is_handled() -> None:
    """Of every call with a token, and of the task that asks for failed deliveries again."""
    clock = SteppedClock(START)
    with GitHub("acme", clock=clock, background=False) as hub, Receiver() as receiver:
        repository = hub.repository("checkout")
        hub.add_hook(repository, url=receiver.url, secret="s", events=EVENTS)
        issues = [repository.create_issue(title) for title in ("Pay", "Pay later")]
        issues[0].label("checkout")
        issues[0].comment("/okr KR-1")
        receiver.answers.extend([503] * 3)
        for number in range(3):
            clock.step(1)
            issues[0].edit(title=f"Pay {number}")
        clock.step(3600)
        about = Connection(
            slug="here", site=hub.api_url, hook_url=receiver.url, token=hub.token, writes_back=True,
            owner_marker="f00d", options={"points_field": "Points"},
        )  # fmt: skip
        scope, query = ScopeRef(str(repository.id), repository.full_name), "repo:acme/checkout is:issue label:checkout"
        wanted = {f"{repository.id}#{number}": f"acme/checkout#{number}" for number in (1, 2)}
        calls = {
            **calls_of_all(about, scope=scope, wanted=wanted),
            "members": lambda one: one.list_members(about, query=query, scopes=[scope], cursor=None),
            "task": lambda one: one.run_task(about, name=redeliver.TASK_NAME, scopes=[scope], memory=None),
        }

        def made(http: HttpClient) -> connectors.github.GitHub:
            return connectors.github.GitHub(http, sleep=lambda _: None)

        assert list(bugs(made, calls, clock)) == []


@pytest.mark.parametrize("kind", [b"[]", b"{}", b"7", b"null", b'[["RATE_LIMITED"]]'])
def test_an_error_of_graphql_whose_type_is_no_text_is_an_error_of_github(kind: bytes) -> None:
    """It is neither a rate limit nor hidden."""
    body = b'{"errors": [{"type": ' + kind + b', "message": "no", "path": 7, "extensions": []}]}'
    for read in (raise_for_graphql_errors, partial_data_or_raise):
        with pytest.raises(Rejected, match="no"):
            read(Response("https://api.github.com/graphql", status=200, headers={}, body=body), now=START)
