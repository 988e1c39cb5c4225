"""How GitHub's issues and pull requests become snapshots, rule by rule."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.github import GitHub
from sync_service.domain.trackers.connector import Rejected, WebhookRequest
from sync_service.domain.trackers.observations import (
    Account,
    FetchNeeded,
    Kind,
    Number,
    Observation,
    Parent,
    ScopeRef,
    Snapshot,
    State,
    Term,
)
from tests.connectors.github.payloads import (
    BO,
    CHECKOUT,
    CONNECTION,
    LABEL,
    LEDGER,
    closed,
    delivery,
    issue,
    merged,
    pull,
)


def read(post: WebhookRequest, points_field: str = "") -> tuple[Observation, ...]:
    """Read a delivery's observations."""
    connection = replace(CONNECTION, options={"points_field": points_field}) if points_field else CONNECTION
    return GitHub().parse_delivery(post, connection).observations


def snapshot(post: WebhookRequest, points_field: str = "") -> Snapshot:
    """Read a delivery that must be one snapshot."""
    (seen,) = read(post, points_field)
    assert isinstance(seen, Snapshot)
    return seen


def of_issue(**changes: Any) -> Snapshot:
    """Read a letter about an issue with these fields."""
    return snapshot(delivery("issues", "edited", issue=issue(**changes)))


def test_an_open_issue_is_read_whole() -> None:
    """Every field of an issue ends where it belongs, in UTC."""
    reading = GitHub().parse_delivery(delivery("issues", "labeled", issue=issue()), CONNECTION)
    assert (reading.name, reading.actor) == ("issues.labeled", Account("anaruiz", "anaruiz"))
    assert reading.observations == (
        Snapshot(
            identity="8001#12",
            scope=ScopeRef("8001", "acme/checkout"),
            key="acme/checkout#12",
            kind=Kind.ISSUE,
            title="Pay with one click",
            url="https://github.com/acme/checkout/issues/12",
            state=State.TODO,
            updated_at=datetime(2026, 10, 5, 9, 30, tzinfo=UTC),
            type="Feature",
            labels=(Term("9001", "checkout"),),
            milestone=Term("9101", "Autumn"),
            assignees=(Account("bo-lind", "bo-lind"),),
            author=Account("anaruiz", "anaruiz"),
            created_at=datetime(2026, 10, 1, 8, tzinfo=UTC),
        ),
    )


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        ("completed", State.DONE),
        (None, State.DONE),
        ("some_new_reason", State.DONE),
        ("not_planned", State.DROPPED),
        ("duplicate", State.DROPPED),
    ],
)
def test_the_reason_of_closing_tells_done_from_dropped(reason: str | None, state: State) -> None:
    """Only a stated lack of work drops an issue."""
    seen = snapshot(delivery("issues", "closed", issue=closed(reason)))
    assert (seen.state, seen.resolution) == (state, reason)
    assert seen.closed_at == datetime(2026, 10, 6, 10, tzinfo=UTC)


def test_a_reopened_issue_is_to_do_and_has_no_resolution() -> None:
    """The reason `reopened` is not a resolution, and an old closing time is not kept."""
    seen = of_issue(state="open", state_reason="reopened", closed_at=None)
    assert (seen.state, seen.resolution, seen.closed_at) == (State.TODO, None, None)


def test_a_closed_issue_without_a_closing_time_closed_when_it_last_changed() -> None:
    """A closed issue always has a time."""
    assert of_issue(state="closed", closed_at=None).closed_at == datetime(2026, 10, 5, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "state", "resolution", "hour"),
    [
        (pull(), State.DOING, None, None),
        (pull(draft=True), State.DOING, None, None),
        (merged(), State.DONE, "merged", 12),
        (pull(state="closed", closed_at="2026-10-06T15:00:00Z"), State.DROPPED, "closed without merging", 15),
    ],
)
def test_a_pull_request_is_doing_until_merged_or_closed(
    body: dict[str, Any], state: State, resolution: str | None, hour: int | None
) -> None:
    """Merged is done; closed without merging is dropped."""
    seen = snapshot(delivery("pull_request", "closed", pull_request=body))
    assert (seen.kind, seen.identity, seen.key) == (Kind.PULL_REQUEST, "8001#14", "acme/checkout#14")
    assert (seen.state, seen.resolution, seen.type, seen.parent) == (state, resolution, None, None)
    assert (seen.closed_at.hour if seen.closed_at else None) == hour


def test_a_merged_pull_request_closed_when_it_was_merged() -> None:
    """The time of the merge is the surer one."""
    body = {**merged(), "closed_at": "2026-10-07T12:00:01Z"}
    seen = snapshot(delivery("pull_request", "closed", pull_request=body))
    assert seen.closed_at == datetime(2026, 10, 7, 12, tzinfo=UTC)


def test_a_time_without_an_offset_is_no_time() -> None:
    """Nobody can tell which hour it means."""
    (seen,) = read(delivery("issues", "edited", issue=issue(updated_at="2026-10-05T09:30:00")))
    assert isinstance(seen, FetchNeeded)


@pytest.mark.parametrize("action", ["synchronize", "enqueued", "an_action_of_next_year"])
def test_every_action_on_a_pull_request_or_issue_brings_the_whole(action: str) -> None:
    """A letter is a snapshot whatever occasioned it."""
    assert snapshot(delivery("pull_request", action, pull_request=pull())).state is State.DOING
    assert snapshot(delivery("issues", action, issue=issue())).state is State.TODO


def test_a_pull_request_in_an_issues_letter_is_read_as_one() -> None:
    """GitHub sends `issues.milestoned` for pull requests too."""
    seen = snapshot(delivery("issues", "milestoned", issue=issue(number=14, pull_request={"url": "…"})))
    assert (seen.kind, seen.state, seen.type) == (Kind.PULL_REQUEST, State.DOING, None)


def test_a_closed_pull_request_in_an_issues_letter_may_need_a_look() -> None:
    """Without `merged_at` nobody can tell done from dropped."""
    shape = issue(number=14, state="closed", closed_at="2026-10-06T10:00:00Z", pull_request={"url": "…"})
    (seen,) = read(delivery("issues", "demilestoned", issue=shape))
    assert isinstance(seen, FetchNeeded)
    shape["pull_request"]["merged_at"] = "2026-10-06T10:00:00Z"
    assert snapshot(delivery("issues", "demilestoned", issue=shape)).state is State.DONE


@pytest.mark.parametrize("missing", ["state", "labels", "updated_at"])
@pytest.mark.parametrize(("event", "body"), [("issues", issue()), ("pull_request", pull())])
def test_a_part_of_an_issue_is_not_a_snapshot(event: str, body: dict[str, Any], missing: str) -> None:
    """What is left out is unknown, not none: go and look."""
    bucket = {name: value for name, value in body.items() if name != missing}
    (seen,) = read(delivery(event, "edited", **{"issue" if event == "issues" else event: bucket}))
    assert isinstance(seen, FetchNeeded)
    assert seen.identity == f"8001#{body['number']}"


def test_an_issue_that_names_another_repository_is_looked_at() -> None:
    """Nothing is attributed to a repository by half."""
    (seen,) = read(delivery("issues", "edited", issue=issue(LEDGER)))
    assert seen == FetchNeeded(
        identity="8001#12",
        key="acme/checkout#12",
        reason="the delivery places the issue in acme/ledger and in acme/checkout",
    )


def test_a_repository_name_differs_by_more_than_case() -> None:
    """GitHub's names have no case."""
    assert of_issue(repository_url="https://api.github.com/repos/Acme/Checkout").scope.name == "acme/checkout"


def test_a_pull_request_of_another_repository_is_rejected() -> None:
    """The base tells where a pull request belongs."""
    with pytest.raises(Rejected, match="belongs to repository 8002"):
        read(delivery("pull_request", "edited", pull_request=pull(LEDGER)))


@pytest.mark.parametrize(
    ("url", "parent"),
    [
        (None, Parent(None)),
        ("https://api.github.com/repos/acme/checkout/issues/3", Parent("acme/checkout#3", "8001#3")),
        ("https://api.github.com/repos/acme/ledger/issues/4", Parent("acme/ledger#4")),
        ("https://ghe.acme.example/api/v3/repos/acme/checkout/issues/3", Parent("acme/checkout#3", "8001#3")),
        ("https://api.github.com/nothing", None),
        (7, None),
    ],
)
def test_a_parent_is_known_only_where_the_letter_tells(url: object, parent: Parent | None) -> None:
    """Null says "none"; an unreadable address says nothing."""
    assert of_issue(parent_issue_url=url).parent == parent


def test_a_letter_silent_on_the_parent_leaves_it_unknown() -> None:
    """Most letters hold no parent at all."""
    assert of_issue().parent is None


FIELDS = [
    {"issue_field_id": 5, "issue_field_name": "Estimate", "data_type": "number", "value": 3.5},
    {"issue_field_id": 6, "issue_field_name": "Team", "data_type": "text", "value": "8"},
]


@pytest.mark.parametrize(
    ("setting", "points"), [("estimate", 3.5), ("5", 3.5), ("Team", None), ("Other", None), ("", None)]
)
def test_points_come_from_the_numeric_issue_field_of_that_name_or_id(setting: str, points: float | None) -> None:
    """A text is no number, and without the setting there are no points."""
    post = delivery("issues", "field_added", issue=issue(issue_field_values=FIELDS))
    assert snapshot(post, setting).points == points


def test_other_numbers_come_from_the_issue_fields_that_the_connection_names() -> None:
    """Each under the name it gives; what the issue has no number in is none, and unknown where no field is told."""
    by = replace(CONNECTION, token=None, options={"number_fields": ["estimate", "5", "Team", "Other"]})

    def numbers(**parts: Any) -> tuple[Number, ...]:
        (seen,) = GitHub().parse_delivery(delivery("issues", "edited", issue=issue(**parts)), by).observations
        assert isinstance(seen, Snapshot)
        return seen.numbers

    assert numbers(issue_field_values=FIELDS) == (
        Number("estimate", 3.5), Number("5", 3.5), Number("Team", None), Number("Other", None),
    )  # fmt: skip
    assert numbers() == ()
    by = replace(by, token="ghp_secret")
    assert numbers(issue_field_values=FIELDS) == (Number("estimate", 3.5), Number("5", 3.5), Number("Team", None))


def test_a_letter_silent_on_issue_fields_leaves_the_points_unknown() -> None:
    """GitHub Enterprise Server has no such fields, and not every letter of github.com need have them."""
    assert not snapshot(delivery("issues", "edited", issue=issue()), "estimate").points_known
    assert snapshot(delivery("issues", "edited", issue=issue())).points_known


def test_an_issue_without_the_field_may_have_points_in_a_project() -> None:
    """Which only credentials can tell: without any it has none."""
    post = delivery("issues", "edited", issue=issue(issue_field_values=[]))
    assert not snapshot(post, "estimate").points_known
    by = replace(CONNECTION, token=None, options={"points_field": "estimate"})
    (seen,) = GitHub().parse_delivery(post, by).observations
    assert isinstance(seen, Snapshot)
    assert (seen.points, seen.points_known) == (None, True)


@pytest.mark.parametrize("told", [{"name": "Estimate"}, {"id": 5}])
def test_a_field_that_was_removed_is_none_until_a_look_finds_another_number(told: dict[str, Any]) -> None:
    """The look is for projects, and of fields that are read alone."""
    setting = str(*told.values())
    by = replace(CONNECTION, options={"points_field": setting})
    post = delivery("issues", "field_removed", issue=issue(issue_field_values=[]), issue_field=told)
    seen, look = GitHub().parse_delivery(post, by).observations
    assert isinstance(seen, Snapshot)
    assert isinstance(look, FetchNeeded)
    assert (seen.points, seen.points_known, look.identity) == (None, True, seen.identity)
    (alone,) = GitHub().parse_delivery(post, replace(by, token=None)).observations
    assert alone == seen
    (other,) = GitHub().parse_delivery(post, replace(by, options={"points_field": "Size"})).observations
    assert isinstance(other, Snapshot)
    assert not other.points_known


NEWER = ("state_reason", "type", "issue_field_values", "parent_issue_url", "sub_issues_summary", "milestone", "body")


@pytest.mark.parametrize("missing", NEWER)
def test_what_an_older_server_does_not_know_is_not_missed(missing: str) -> None:
    """Absent, not null: the issue is read all the same, and is done if it is closed."""
    whole = {**closed("completed"), "issue_field_values": [], "parent_issue_url": None, "sub_issues_summary": {}}
    bucket = {name: value for name, value in whole.items() if name != missing}
    assert snapshot(delivery("issues", "closed", issue=bucket)).state is State.DONE


def test_numbers_beyond_two_to_the_31_are_kept() -> None:
    """GitHub's ids have passed it."""
    large = {**CHECKOUT, "id": 3_387_467_460}
    seen = snapshot(
        delivery("issues", "edited", issue=issue(labels=[{"id": 9_387_467_460, "name": "a"}]), repository=large)
    )
    assert (seen.identity, seen.labels[0].id) == ("3387467460#12", "9387467460")


def test_labels_and_assignees_are_kept_once_and_in_order() -> None:
    """Equal content must look equal, however GitHub orders it."""
    bug = {"id": 88, "name": "bug"}
    labels = [LABEL, bug, LABEL, {"id": None, "name": "none"}, "odd"]
    one = of_issue(labels=labels, assignees=[BO, {"login": "aa"}])
    other = of_issue(labels=labels[::-1], assignees=[{"login": "aa"}, BO, BO])
    assert one.labels == (Term("88", "bug"), Term("9001", "checkout"))
    assert one == other


def test_texts_are_cut_and_cleaned() -> None:
    """A title is one line of at most 300 characters; a strange address is dropped."""
    seen = of_issue(title="  Pay\x00 \ud800now\n" + "y" * 400, html_url="javascript:alert(1)")
    assert seen.title.startswith("Pay   now y")
    assert (len(seen.title), seen.title[-1], seen.url) == (300, "…", "")
    assert of_issue(title="家 👩‍💻 é").title == "家 👩‍💻 é"
    assert of_issue(title="\x00").title == "acme/checkout#12"
