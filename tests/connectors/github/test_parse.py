"""Parse GitHub's issues and pull requests into snapshots."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.github import GitHub
from sync_service.domain.trackers.connector import Rejected, WebhookRequest
from sync_service.domain.trackers.observations import (
    Account,
    FetchNeeded,
    Ignored,
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
    """Return a delivery's observations."""
    connection = replace(CONNECTION, options={"points_field": points_field}) if points_field else CONNECTION
    return GitHub().parse_delivery(post, connection).observations


def snapshot(post: WebhookRequest, points_field: str = "") -> Snapshot:
    """Return the one snapshot of a delivery."""
    (seen,) = read(post, points_field)
    assert isinstance(seen, Snapshot)
    return seen


def parsed_issue(**changes: Any) -> Snapshot:
    """Return the snapshot of an issue with these fields."""
    return snapshot(delivery("issues", "edited", issue=issue(**changes)))


def test_all_fields_of_an_open_issue_are_parsed() -> None:
    """Times are in UTC."""
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
            dated_anew=True,
        ),
    )
    assert reading.actor is not None
    assert reading.actor.stable_id is not None


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
def test_the_state_reason_separates_done_from_dropped(reason: str | None, state: State) -> None:
    """An issue is dropped only if the reason says so."""
    seen = snapshot(delivery("issues", "closed", issue=closed(reason)))
    assert (seen.state, seen.resolution) == (state, reason)
    assert seen.closed_at == datetime(2026, 10, 6, 10, tzinfo=UTC)


def test_a_reopened_issue_is_to_do_without_resolution() -> None:
    """The reason `reopened` is not a resolution, and an old closing time is not kept."""
    seen = parsed_issue(state="open", state_reason="reopened", closed_at=None)
    assert (seen.state, seen.resolution, seen.closed_at) == (State.TODO, None, None)


def test_a_missing_closing_date_is_unknown() -> None:
    """The core then takes the first time at which the issue was known to be closed."""
    assert parsed_issue(state="closed", closed_at=None).closed_at is None


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
    """Merged is done; closed without a merge is dropped."""
    seen = snapshot(delivery("pull_request", "closed", pull_request=body))
    assert (seen.kind, seen.identity, seen.key) == (Kind.PULL_REQUEST, "8001#14", "acme/checkout#14")
    assert (seen.state, seen.resolution, seen.type, seen.parent) == (state, resolution, None, None)
    assert (seen.closed_at.hour if seen.closed_at else None) == hour


def test_a_merged_pull_request_closes_at_its_merge() -> None:
    """The time of the merge is more reliable."""
    body = {**merged(), "closed_at": "2026-10-07T12:00:01Z"}
    seen = snapshot(delivery("pull_request", "closed", pull_request=body))
    assert seen.closed_at == datetime(2026, 10, 7, 12, tzinfo=UTC)


def test_a_time_without_an_offset_is_invalid() -> None:
    """It may be any hour."""
    (seen,) = read(delivery("issues", "edited", issue=issue(updated_at="2026-10-05T09:30:00")))
    assert isinstance(seen, FetchNeeded)


@pytest.mark.parametrize("action", ["synchronize", "enqueued", "an_action_of_next_year"])
def test_every_action_gives_a_full_snapshot(action: str) -> None:
    """The delivery has the whole issue, whatever changed."""
    assert snapshot(delivery("pull_request", action, pull_request=pull())).state is State.DOING
    assert snapshot(delivery("issues", action, issue=issue())).state is State.TODO


def test_a_pull_request_in_an_issue_event_is_parsed_as_one() -> None:
    """GitHub sends `issues.milestoned` for pull requests too."""
    seen = snapshot(delivery("issues", "milestoned", issue=issue(number=14, pull_request={"url": "…"})))
    assert (seen.kind, seen.state, seen.type) == (Kind.PULL_REQUEST, State.DOING, None)


def test_a_closed_pull_request_in_an_issue_event_may_need_a_fetch() -> None:
    """Without `merged_at` it may be done or dropped."""
    shape = issue(number=14, state="closed", closed_at="2026-10-06T10:00:00Z", pull_request={"url": "…"})
    (seen,) = read(delivery("issues", "demilestoned", issue=shape))
    assert isinstance(seen, FetchNeeded)
    shape["pull_request"]["merged_at"] = "2026-10-06T10:00:00Z"
    assert snapshot(delivery("issues", "demilestoned", issue=shape)).state is State.DONE


@pytest.mark.parametrize("missing", ["state", "labels", "updated_at"])
@pytest.mark.parametrize(("event", "body"), [("issues", issue()), ("pull_request", pull())])
def test_an_incomplete_issue_is_no_snapshot(event: str, body: dict[str, Any], missing: str) -> None:
    """Missing fields are unknown, not empty, so the issue is fetched."""
    bucket = {name: value for name, value in body.items() if name != missing}
    (seen,) = read(delivery(event, "edited", **{"issue" if event == "issues" else event: bucket}))
    assert isinstance(seen, FetchNeeded)
    assert seen.identity == f"8001#{body['number']}"


def test_an_issue_that_names_another_repository_is_fetched() -> None:
    """Contradictory data is assigned to no repository."""
    (seen,) = read(delivery("issues", "edited", issue=issue(LEDGER)))
    assert seen == FetchNeeded(
        identity="8001#12",
        key="acme/checkout#12",
        reason="the delivery places the issue in acme/ledger and in acme/checkout",
    )


def test_the_case_of_a_repository_name_does_not_matter() -> None:
    """GitHub's names are the same in any case."""
    assert parsed_issue(repository_url="https://api.github.com/repos/Acme/Checkout").scope.name == "acme/checkout"


def test_a_pull_request_of_another_repository_is_rejected() -> None:
    """The base says which repository a pull request belongs to."""
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
def test_a_parent_is_known_only_if_the_delivery_has_it(url: object, parent: Parent | None) -> None:
    """Null means none; an invalid URL means unknown."""
    assert parsed_issue(parent_issue_url=url).parent == parent


def test_a_delivery_without_the_field_leaves_the_parent_unknown() -> None:
    """Most deliveries have no parent field."""
    assert parsed_issue().parent is None


FIELDS = [
    {"issue_field_id": 5, "issue_field_name": "Estimate", "data_type": "number", "value": 3.5},
    {"issue_field_id": 6, "issue_field_name": "Team", "data_type": "text", "value": "8"},
]


@pytest.mark.parametrize(
    ("setting", "points"), [("estimate", 3.5), ("5", 3.5), ("Team", 8), ("Other", None), ("", None)]
)
def test_points_come_from_the_numeric_issue_field_of_that_name_or_id(setting: str, points: float | None) -> None:
    """A text may be a number, and without the setting there are no points."""
    post = delivery("issues", "field_added", issue=issue(issue_field_values=FIELDS))
    assert snapshot(post, setting).points == points


def test_other_numbers_come_from_the_configured_issue_fields() -> None:
    """Each has its configured name. No value means none; no fields mean unknown."""
    by = replace(CONNECTION, token=None, options={"number_fields": ["estimate", "5", "Team", "Other"]})

    def numbers(**fields: Any) -> tuple[Number, ...]:
        (seen,) = GitHub().parse_delivery(delivery("issues", "edited", issue=issue(**fields)), by).observations
        assert isinstance(seen, Snapshot)
        return seen.numbers

    assert numbers(issue_field_values=FIELDS) == (
        Number("estimate", 3.5), Number("5", 3.5), Number("Team", 8), Number("Other", None),
    )  # fmt: skip
    assert numbers() == ()
    by = replace(by, token="ghp_secret")
    assert numbers(issue_field_values=FIELDS) == (Number("estimate", 3.5), Number("5", 3.5), Number("Team", 8))


@pytest.mark.parametrize(("value", "says"), [("XS", "XS is no number"), (-3, "can't be -3"), (1e9, "can't be 1e+09")])
def test_points_that_can_not_be_read_are_unknown_and_said(value: object, says: str) -> None:
    """They are not none, and the outcome says so."""
    fields = [{"issue_field_id": 5, "issue_field_name": "Size", "value": value}]
    by = replace(CONNECTION, options={"points_field": "Size"})
    post = delivery("issues", "edited", issue=issue(issue_field_values=fields))
    seen, unclear = GitHub().parse_delivery(post, by).observations
    assert isinstance(seen, Snapshot)
    assert (seen.points, seen.points_known) == (None, False)
    assert isinstance(unclear, Ignored)
    assert says in unclear.reason


def test_a_delivery_without_issue_fields_leaves_the_points_unknown() -> None:
    """GitHub Enterprise Server has no issue fields, and a delivery of github.com may lack them."""
    assert not snapshot(delivery("issues", "edited", issue=issue()), "estimate").points_known
    assert snapshot(delivery("issues", "edited", issue=issue())).points_known


def test_an_issue_without_the_field_may_have_points_in_a_project() -> None:
    """Reading them needs credentials; without any the issue has no points."""
    post = delivery("issues", "edited", issue=issue(issue_field_values=[]))
    assert not snapshot(post, "estimate").points_known
    by = replace(CONNECTION, token=None, options={"points_field": "estimate"})
    (seen,) = GitHub().parse_delivery(post, by).observations
    assert isinstance(seen, Snapshot)
    assert (seen.points, seen.points_known) == (None, True)


@pytest.mark.parametrize("field", [{"name": "Estimate"}, {"id": 5}])
def test_a_removed_field_is_empty_until_a_fetch_finds_another_number(field: dict[str, Any]) -> None:
    """The fetch reads projects, and happens only for configured fields."""
    setting = str(*field.values())
    by = replace(CONNECTION, options={"points_field": setting})
    post = delivery("issues", "field_removed", issue=issue(issue_field_values=[]), issue_field=field)
    seen, fetch_needed = GitHub().parse_delivery(post, by).observations
    assert isinstance(seen, Snapshot)
    assert isinstance(fetch_needed, FetchNeeded)
    assert (seen.points, seen.points_known, fetch_needed.identity) == (None, True, seen.identity)
    (alone,) = GitHub().parse_delivery(post, replace(by, token=None)).observations
    assert alone == seen
    (other,) = GitHub().parse_delivery(post, replace(by, options={"points_field": "Size"})).observations
    assert isinstance(other, Snapshot)
    assert not other.points_known


NEWER = ("state_reason", "type", "issue_field_values", "parent_issue_url", "sub_issues_summary", "milestone", "body")


@pytest.mark.parametrize("missing", NEWER)
def test_fields_that_an_older_server_lacks_are_optional(missing: str) -> None:
    """They are absent, not null. A closed issue is then done."""
    whole = {**closed("completed"), "issue_field_values": [], "parent_issue_url": None, "sub_issues_summary": {}}
    bucket = {name: value for name, value in whole.items() if name != missing}
    assert snapshot(delivery("issues", "closed", issue=bucket)).state is State.DONE


def test_numbers_above_two_to_the_31_are_kept() -> None:
    """GitHub's ids are larger than that."""
    large = {**CHECKOUT, "id": 3_387_467_460}
    seen = snapshot(
        delivery("issues", "edited", issue=issue(labels=[{"id": 9_387_467_460, "name": "a"}]), repository=large)
    )
    assert (seen.identity, seen.labels[0].id) == ("3387467460#12", "9387467460")


def test_labels_and_assignees_are_unique_and_sorted() -> None:
    """Equal content must be equal in any order."""
    bug = {"id": 88, "name": "bug"}
    labels = [LABEL, bug, LABEL, {"id": None, "name": "none"}, "odd"]
    one = parsed_issue(labels=labels, assignees=[BO, {"login": "aa"}])
    other = parsed_issue(labels=labels[::-1], assignees=[{"login": "aa"}, BO, BO])
    assert one.labels == (Term("88", "bug"), Term("9001", "checkout"))
    assert one == other


def test_texts_are_cut_and_cleaned() -> None:
    """A title is one line of at most 300 characters; an invalid URL is dropped."""
    seen = parsed_issue(title="  Pay\x00 \ud800now\n" + "y" * 400, html_url="javascript:alert(1)")
    assert seen.title.startswith("Pay   now y")
    assert (len(seen.title), seen.title[-1], seen.url) == (300, "…", "")
    assert parsed_issue(title="家 👩‍💻 é").title == "家 👩‍💻 é"
    assert parsed_issue(title="\x00").title == "acme/checkout#12"
