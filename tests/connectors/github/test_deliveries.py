"""How GitHub's deliveries are taken: signatures, forms, transfers, deletions, terms, repositories, the ignored."""

from dataclasses import replace
from typing import Any

import pytest

from connectors.github import GitHub
from connectors.github.webhook.events import EVENT_RULES
from sync_service.domain.trackers.connector import Rejected, WebhookRequest
from sync_service.domain.trackers.observations import (
    FetchNeeded,
    Ignored,
    Observation,
    ScopeRef,
    ScopeSeen,
    Snapshot,
    TermKind,
    TermSeen,
    Tombstone,
)
from tests.connectors.github.payloads import (
    CHECKOUT,
    CONNECTION,
    LABEL,
    LEDGER,
    MILESTONE,
    as_form,
    delivery,
    issue,
)


def read(post: WebhookRequest) -> tuple[Observation, ...]:
    """Read a delivery's observations."""
    return GitHub().parse_delivery(post, CONNECTION).observations


def snapshot(post: WebhookRequest) -> Snapshot:
    """Read a delivery that must be one snapshot."""
    (seen,) = read(post)
    assert isinstance(seen, Snapshot)
    return seen


def test_the_published_signature_is_accepted() -> None:
    """GitHub's own example: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries."""
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    post = WebhookRequest({"x-hub-signature-256": signature}, b"Hello, World!")
    assert GitHub().verify(post, ["It's a Secret to Everybody"])


def test_the_older_sha1_signature_is_not_believed() -> None:
    """Only X-Hub-Signature-256 counts."""
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert not GitHub().verify(
        WebhookRequest({"x-hub-signature": signature}, b"Hello, World!"), ["It's a Secret to Everybody"]
    )


def test_a_form_delivery_says_the_same_as_a_json_one() -> None:
    """Hooks made by API are form-encoded unless told otherwise."""
    post = delivery("issues", "edited", issue=issue(title="50 % + más & less"))
    assert read(as_form(post)) == read(post)
    assert snapshot(as_form(post)).title == "50 % + más & less"


def test_a_letter_without_an_event_is_rejected() -> None:
    """The header says what the body is."""
    with pytest.raises(Rejected, match="X-GitHub-Event"):
        read(WebhookRequest({}, b"{}"))


def test_a_ping_needs_neither_repository_nor_sender() -> None:
    """An app's ping has none."""
    reading = GitHub().parse_delivery(
        WebhookRequest({"x-github-event": "ping"}, b'{"zen": "Keep it simple.", "hook_id": 1}'), CONNECTION
    )
    assert (reading.name, reading.actor) == ("ping", None)


def test_a_deleted_issue_leaves_a_tombstone() -> None:
    """Deleted is final."""
    assert read(delivery("issues", "deleted", issue=issue())) == (
        Tombstone(identity="8001#12", key="acme/checkout#12"),
    )


def test_a_deleted_comment_cannot_pass_for_a_deleted_issue() -> None:
    """The event's name is not signed, the body is."""
    with pytest.raises(Rejected, match="about a comment"):
        read(delivery("issues", "deleted", issue=issue(), comment={"id": 1}))


MOVED = Tombstone(identity="8001#12", key="acme/checkout#12", successor="8002#5", moved_to="acme/ledger#5")


def test_a_transfer_seen_from_the_old_repository() -> None:
    """The old issue is gone, the new one stands as told."""
    changes = {"new_issue": issue(LEDGER, number=5), "new_repository": LEDGER}
    tombstone, seen = read(delivery("issues", "transferred", issue=issue(), changes=changes))
    assert tombstone == MOVED
    assert isinstance(seen, Snapshot)
    assert (seen.identity, seen.key, seen.scope) == ("8002#5", "acme/ledger#5", ScopeRef("8002", "acme/ledger"))


def test_a_transfer_seen_from_the_new_repository() -> None:
    """The same two facts, whichever letter comes first."""
    changes = {"old_issue": issue(), "old_repository": CHECKOUT}
    post = delivery("issues", "opened", issue=issue(LEDGER, number=5), repository=LEDGER, changes=changes)
    seen, tombstone = read(post)
    assert tombstone == MOVED
    assert isinstance(seen, Snapshot)
    assert seen.identity == "8002#5"


def test_a_transfer_may_hide_the_other_side() -> None:
    """`old_issue` can be null, and a transfer without a target still takes the issue away."""
    changes = {"old_issue": None, "old_repository": CHECKOUT}
    assert snapshot(delivery("issues", "opened", issue=issue(), changes=changes)).identity == "8001#12"
    gone = Tombstone(identity="8001#12", key="acme/checkout#12")
    assert read(delivery("issues", "transferred", issue=issue(), changes={})) == (gone,)


def test_a_transfer_to_a_sketch_of_an_issue_is_looked_at() -> None:
    """GitHub promises neither state nor labels of the new issue."""
    sketch = {"number": 5, "updated_at": "2026-10-05T09:30:00Z"}
    changes = {"new_issue": sketch, "new_repository": LEDGER}
    tombstone, seen = read(delivery("issues", "transferred", issue=issue(), changes=changes))
    assert tombstone == MOVED
    assert isinstance(seen, FetchNeeded)
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
    assert read(delivery(event, "created", **{event: term})) == (seen,)
    renamed = delivery(event, "edited", changes={naming: {"from": "old"}}, **{event: term})
    assert read(renamed) == (seen,)
    assert read(delivery(event, "deleted", **{event: term})) == (replace(seen, name=None),)
    recoloured = delivery(event, "edited", changes={"color": {"from": "cb1f00"}}, **{event: term})
    assert read(recoloured) == (Ignored(f"the {event} kept its {naming}"),)


@pytest.mark.parametrize(
    ("action", "seen"),
    [
        ("renamed", ScopeSeen(scope=SCOPE)),
        ("transferred", ScopeSeen(scope=SCOPE)),
        ("deleted", ScopeSeen(scope=SCOPE, gone="the repository was deleted", for_good=True)),
    ],
)
def test_a_repository_keeps_its_id_through_new_names(action: str, seen: ScopeSeen) -> None:
    """Renamed and transferred repositories are seen under their new name, deleted ones are gone."""
    assert read(delivery("repository", action)) == (seen,)


@pytest.mark.parametrize(
    "name",
    sorted(name for name, treatment in EVENT_RULES.items() if treatment.parse is None and name != "*"),
)
def test_what_the_table_ignores_is_ignored_for_its_reason(name: str) -> None:
    """The table's words are the reason, also for actions it does not list."""
    event, _, action = name.partition(".")
    (seen,) = read(delivery(event, action.replace("*", "an_action_of_next_year") or None, comment={"id": 1}))
    assert seen == Ignored(EVENT_RULES[name].description)


def test_an_unheard_of_event_is_ignored() -> None:
    """GitHub may send whatever it likes."""
    assert read(delivery("an_event_of_next_year", "requested")) == (Ignored(EVENT_RULES["*"].description),)


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
    assert GitHub().normalize_key(written) == key
