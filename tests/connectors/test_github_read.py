"""How GitHub's deliveries are read, rule by rule."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.github import GitHub
from connectors.github.events import TREATMENTS
from sync_service.domain.connectors import Post, Rejected
from sync_service.domain.issues import (
    Account,
    Ignored,
    Kind,
    Look,
    Observation,
    Parent,
    ScopeRef,
    ScopeSeen,
    Snapshot,
    State,
    Term,
    TermKind,
    TermSeen,
    Tombstone,
)
from tests.connectors.github_letters import (
    BO,
    CHECKOUT,
    CONNECTION,
    LABEL,
    LEDGER,
    MILESTONE,
    as_form,
    closed,
    issue,
    letter,
    merged,
    pull,
)


def read(post: Post, points_field: str = "") -> tuple[Observation, ...]:
    """Read a delivery's observations."""
    connection = replace(CONNECTION, options={"points_field": points_field}) if points_field else CONNECTION
    return GitHub().read(post, connection).observations


def snapshot(post: Post, points_field: str = "") -> Snapshot:
    """Read a delivery that must be one snapshot."""
    (seen,) = read(post, points_field)
    assert isinstance(seen, Snapshot)
    return seen


def of_issue(**changes: Any) -> Snapshot:
    """Read a letter about an issue with these fields."""
    return snapshot(letter("issues", "edited", issue=issue(**changes)))


def test_the_published_signature_is_accepted() -> None:
    """GitHub's own example: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries."""
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    post = Post({"x-hub-signature-256": signature}, b"Hello, World!")
    assert GitHub().verify(post, ["It's a Secret to Everybody"])


def test_the_older_sha1_signature_is_not_believed() -> None:
    """Only X-Hub-Signature-256 counts."""
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert not GitHub().verify(Post({"x-hub-signature": signature}, b"Hello, World!"), ["It's a Secret to Everybody"])


def test_an_open_issue_is_read_whole() -> None:
    """Every field of an issue ends where it belongs, in UTC."""
    reading = GitHub().read(letter("issues", "labeled", issue=issue()), CONNECTION)
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
    seen = snapshot(letter("issues", "closed", issue=closed(reason)))
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
    seen = snapshot(letter("pull_request", "closed", pull_request=body))
    assert (seen.kind, seen.identity, seen.key) == (Kind.PULL_REQUEST, "8001#14", "acme/checkout#14")
    assert (seen.state, seen.resolution, seen.type, seen.parent) == (state, resolution, None, None)
    assert (seen.closed_at.hour if seen.closed_at else None) == hour


@pytest.mark.parametrize("action", ["synchronize", "enqueued", "an_action_of_next_year"])
def test_every_action_on_a_pull_request_or_issue_brings_the_whole(action: str) -> None:
    """A letter is a snapshot whatever occasioned it."""
    assert snapshot(letter("pull_request", action, pull_request=pull())).state is State.DOING
    assert snapshot(letter("issues", action, issue=issue())).state is State.TODO


def test_a_pull_request_in_an_issues_letter_is_read_as_one() -> None:
    """GitHub sends `issues.milestoned` for pull requests too."""
    seen = snapshot(letter("issues", "milestoned", issue=issue(number=14, pull_request={"url": "…"})))
    assert (seen.kind, seen.state, seen.type) == (Kind.PULL_REQUEST, State.DOING, None)


def test_a_closed_pull_request_in_an_issues_letter_may_need_a_look() -> None:
    """Without `merged_at` nobody can tell done from dropped."""
    shape = issue(number=14, state="closed", closed_at="2026-10-06T10:00:00Z", pull_request={"url": "…"})
    (seen,) = read(letter("issues", "demilestoned", issue=shape))
    assert isinstance(seen, Look)
    shape["pull_request"]["merged_at"] = "2026-10-06T10:00:00Z"
    assert snapshot(letter("issues", "demilestoned", issue=shape)).state is State.DONE


@pytest.mark.parametrize("missing", ["state", "labels", "updated_at"])
@pytest.mark.parametrize(("event", "body"), [("issues", issue()), ("pull_request", pull())])
def test_a_part_of_an_issue_is_not_a_snapshot(event: str, body: dict[str, Any], missing: str) -> None:
    """What is left out is unknown, not none: go and look."""
    part = {name: value for name, value in body.items() if name != missing}
    (seen,) = read(letter(event, "edited", **{"issue" if event == "issues" else event: part}))
    assert isinstance(seen, Look)
    assert seen.identity == f"8001#{body['number']}"


def test_an_issue_that_names_another_repository_is_looked_at() -> None:
    """Nothing is attributed to a repository by half."""
    (seen,) = read(letter("issues", "edited", issue=issue(LEDGER)))
    assert seen == Look(
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
        read(letter("pull_request", "edited", pull_request=pull(LEDGER)))


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
    post = letter("issues", "field_added", issue=issue(issue_field_values=FIELDS))
    assert snapshot(post, setting).points == points


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


def test_a_form_delivery_says_the_same_as_a_json_one() -> None:
    """Hooks made by API are form-encoded unless told otherwise."""
    post = letter("issues", "edited", issue=issue(title="50 % + más & less"))
    assert read(as_form(post)) == read(post)
    assert snapshot(as_form(post)).title == "50 % + más & less"


def test_a_letter_without_an_event_is_rejected() -> None:
    """The header says what the body is."""
    with pytest.raises(Rejected, match="X-GitHub-Event"):
        read(Post({}, b"{}"))


def test_a_ping_needs_neither_repository_nor_sender() -> None:
    """An app's ping has none."""
    reading = GitHub().read(Post({"x-github-event": "ping"}, b'{"zen": "Keep it simple.", "hook_id": 1}'), CONNECTION)
    assert (reading.name, reading.actor) == ("ping", None)


def test_a_deleted_issue_leaves_a_tombstone() -> None:
    """Deleted is final."""
    assert read(letter("issues", "deleted", issue=issue())) == (Tombstone(identity="8001#12", key="acme/checkout#12"),)


def test_a_deleted_comment_cannot_pass_for_a_deleted_issue() -> None:
    """The event's name is not signed, the body is."""
    with pytest.raises(Rejected, match="about a comment"):
        read(letter("issues", "deleted", issue=issue(), comment={"id": 1}))


MOVED = Tombstone(identity="8001#12", key="acme/checkout#12", successor="8002#5", moved_to="acme/ledger#5")


def test_a_transfer_seen_from_the_old_repository() -> None:
    """The old issue is gone, the new one stands as told."""
    changes = {"new_issue": issue(LEDGER, number=5), "new_repository": LEDGER}
    tombstone, seen = read(letter("issues", "transferred", issue=issue(), changes=changes))
    assert tombstone == MOVED
    assert isinstance(seen, Snapshot)
    assert (seen.identity, seen.key, seen.scope) == ("8002#5", "acme/ledger#5", ScopeRef("8002", "acme/ledger"))


def test_a_transfer_seen_from_the_new_repository() -> None:
    """The same two facts, whichever letter comes first."""
    changes = {"old_issue": issue(), "old_repository": CHECKOUT}
    post = letter("issues", "opened", issue=issue(LEDGER, number=5), repository=LEDGER, changes=changes)
    seen, tombstone = read(post)
    assert tombstone == MOVED
    assert isinstance(seen, Snapshot)
    assert seen.identity == "8002#5"


def test_a_transfer_may_hide_the_other_side() -> None:
    """`old_issue` can be null, and a transfer without a target still takes the issue away."""
    changes = {"old_issue": None, "old_repository": CHECKOUT}
    assert snapshot(letter("issues", "opened", issue=issue(), changes=changes)).identity == "8001#12"
    gone = Tombstone(identity="8001#12", key="acme/checkout#12")
    assert read(letter("issues", "transferred", issue=issue(), changes={})) == (gone,)


def test_a_transfer_to_a_sketch_of_an_issue_is_looked_at() -> None:
    """GitHub promises neither state nor labels of the new issue."""
    sketch = {"number": 5, "updated_at": "2026-10-05T09:30:00Z"}
    changes = {"new_issue": sketch, "new_repository": LEDGER}
    tombstone, seen = read(letter("issues", "transferred", issue=issue(), changes=changes))
    assert tombstone == MOVED
    assert isinstance(seen, Look)
    assert seen.identity == "8002#5"


SCOPE = ScopeRef("8001", "acme/checkout")


@pytest.mark.parametrize(
    ("event", "kind", "term", "naming"),
    [
        ("label", TermKind.LABEL, LABEL, "name"),
        ("milestone", TermKind.MILESTONE, MILESTONE, "title"),
    ],
)
def test_terms_are_known_by_id(event: str, kind: TermKind, term: dict[str, Any], naming: str) -> None:
    """A new name belongs to the old id; deleted has no name; other changes say nothing."""
    seen = TermSeen(kind=kind, scope=SCOPE, id=str(term["id"]), name=term[naming])
    assert read(letter(event, "created", **{event: term})) == (seen,)
    renamed = letter(event, "edited", changes={naming: {"from": "old"}}, **{event: term})
    assert read(renamed) == (seen,)
    assert read(letter(event, "deleted", **{event: term})) == (replace(seen, name=None),)
    recoloured = letter(event, "edited", changes={"color": {"from": "cb1f00"}}, **{event: term})
    assert read(recoloured) == (Ignored(f"the {event} kept its {naming}"),)


@pytest.mark.parametrize(
    ("action", "seen"),
    [
        ("renamed", ScopeSeen(scope=SCOPE)),
        ("transferred", ScopeSeen(scope=SCOPE)),
        ("deleted", ScopeSeen(scope=SCOPE, gone="the repository was deleted")),
    ],
)
def test_a_repository_keeps_its_id_through_new_names(action: str, seen: ScopeSeen) -> None:
    """Renamed and transferred repositories are seen under their new name, deleted ones are gone."""
    assert read(letter("repository", action)) == (seen,)


@pytest.mark.parametrize(
    "name",
    sorted(name for name, treatment in TREATMENTS.items() if treatment.read is None and name != "*"),
)
def test_what_the_table_ignores_is_ignored_for_its_reason(name: str) -> None:
    """The table's words are the reason, also for actions it does not list."""
    event, _, action = name.partition(".")
    (seen,) = read(letter(event, action if action != "*" else "created", comment={"id": 1}))
    assert seen == Ignored(TREATMENTS[name].says)


def test_an_unheard_of_event_is_ignored() -> None:
    """GitHub may send whatever it likes."""
    assert read(letter("deployment_review", "requested")) == (Ignored(TREATMENTS["*"].says),)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("acme/checkout#12", "acme/checkout#12"),
        ("Acme/Check.Out_2#12", "Acme/Check.Out_2#12"),
        ("https://github.com/acme/checkout/issues/12", "acme/checkout#12"),
        ("https://ghe.acme.example/acme/checkout/pull/14?w=1#note", "acme/checkout#14"),
    ],
)
def test_keys_are_taken_as_people_write_them(written: str, key: str) -> None:
    """A key or a web address will do."""
    assert GitHub().key_of(written) == key
