"""Deliveries: signatures, forms, transfers, deletions, terms, repositories, ignored events."""

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
    pull,
)


def read(post: WebhookRequest) -> tuple[Observation, ...]:
    """Return a delivery's observations."""
    return GitHub().parse_delivery(post, CONNECTION).observations


def snapshot(post: WebhookRequest) -> Snapshot:
    """Return the one snapshot of a delivery."""
    (seen,) = read(post)
    assert isinstance(seen, Snapshot)
    return seen


def test_the_published_signature_is_accepted() -> None:
    """GitHub's own example: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries."""
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    post = WebhookRequest({"x-hub-signature-256": signature}, b"Hello, World!")
    assert GitHub().verify(post, ["It's a Secret to Everybody"])


def test_the_older_sha1_signature_is_refused() -> None:
    """Only X-Hub-Signature-256 counts."""
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert not GitHub().verify(
        WebhookRequest({"x-hub-signature": signature}, b"Hello, World!"), ["It's a Secret to Everybody"]
    )


def test_a_form_delivery_equals_a_json_one() -> None:
    """Webhooks created by API are form-encoded by default."""
    post = delivery("issues", "edited", issue=issue(title="50 % + más & less"))
    assert read(as_form(post)) == read(post)
    assert snapshot(as_form(post)).title == "50 % + más & less"


def test_a_delivery_without_an_event_header_is_rejected() -> None:
    """The header says what the body is."""
    with pytest.raises(Rejected, match="X-GitHub-Event"):
        read(WebhookRequest({}, b"{}"))


def test_a_ping_needs_neither_repository_nor_sender() -> None:
    """The ping of an app has none."""
    reading = GitHub().parse_delivery(
        WebhookRequest({"x-github-event": "ping"}, b'{"zen": "Keep it simple.", "hook_id": 1}'), CONNECTION
    )
    assert (reading.name, reading.actor) == ("ping", None)


def test_a_deleted_issue_gives_a_tombstone() -> None:
    """A deletion is final."""
    assert read(delivery("issues", "deleted", issue=issue())) == (
        Tombstone(identity="8001#12", key="acme/checkout#12"),
    )


def test_a_deleted_comment_can_not_pass_for_a_deleted_issue() -> None:
    """The event's name is not signed, the body is."""
    with pytest.raises(Rejected, match="about 'comment'"):
        read(delivery("issues", "deleted", issue=issue(), comment={"id": 1}))


MOVED = Tombstone(identity="8001#12", key="acme/checkout#12", successor="8002#5", moved_to="acme/ledger#5")


def test_a_transfer_seen_from_the_old_repository() -> None:
    """The old issue is deleted, and the new one has the data of the delivery."""
    changes = {"new_issue": issue(LEDGER, number=5), "new_repository": LEDGER}
    tombstone, seen = read(delivery("issues", "transferred", issue=issue(), changes=changes))
    assert tombstone == MOVED
    assert isinstance(seen, Snapshot)
    assert (seen.identity, seen.key, seen.scope) == ("8002#5", "acme/ledger#5", ScopeRef("8002", "acme/ledger"))


def test_a_transfer_seen_from_the_new_repository() -> None:
    """The result is the same, whichever delivery comes first."""
    changes = {"old_issue": issue(), "old_repository": CHECKOUT}
    post = delivery("issues", "opened", issue=issue(LEDGER, number=5), repository=LEDGER, changes=changes)
    seen, tombstone = read(post)
    assert tombstone == MOVED
    assert isinstance(seen, Snapshot)
    assert seen.identity == "8002#5"


def test_a_transfer_may_lack_the_other_side() -> None:
    """`old_issue` can be null. A transfer without a target still deletes the issue."""
    changes = {"old_issue": None, "old_repository": CHECKOUT}
    assert snapshot(delivery("issues", "opened", issue=issue(), changes=changes)).identity == "8001#12"
    gone = Tombstone(identity="8001#12", key="acme/checkout#12")
    assert read(delivery("issues", "transferred", issue=issue(), changes={})) == (gone,)


def test_an_incomplete_issue_of_a_transfer_is_fetched() -> None:
    """GitHub guarantees neither state nor labels of the new issue."""
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
def test_terms_are_identified_by_id(event: str, kind: TermKind, term: dict[str, Any], naming: str) -> None:
    """A renamed term keeps its id, a deleted one has no name, and other changes give nothing."""
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
def test_a_repository_keeps_its_id_when_renamed(action: str, seen: ScopeSeen) -> None:
    """Renamed and transferred repositories have their new name; deleted ones are gone."""
    assert read(delivery("repository", action)) == (seen,)


@pytest.mark.parametrize(
    "name",
    sorted(name for name, treatment in EVENT_RULES.items() if treatment.parse is None and name != "*"),
)
def test_ignored_events_have_the_reason_of_the_table(name: str) -> None:
    """Also for actions that the table does not list."""
    event, _, action = name.partition(".")
    (seen,) = read(delivery(event, action.replace("*", "an_action_of_next_year") or None, comment={"id": 1}))
    assert seen == Ignored(EVENT_RULES[name].description)


def test_an_unknown_event_is_ignored() -> None:
    """GitHub may send new events at any time."""
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
def test_keys_have_the_forms_that_people_write(written: str, key: str) -> None:
    """A key or a web address."""
    assert GitHub().normalize_key(written) == key


@pytest.mark.parametrize(
    ("site", "address", "kept"),
    [
        ("https://api.github.com", "https://github.com/acme/checkout/issues/12", True),
        ("https://api.github.com", "https://GitHub.com/acme/checkout/issues/12", True),
        ("https://api.acme.ghe.com", "https://acme.ghe.com/acme/checkout/issues/12", True),
        ("https://ghe.acme.example/api/v3", "https://ghe.acme.example/acme/checkout/issues/12", True),
        ("https://api.acme.example/api/v3", "https://api.acme.example/acme/checkout/issues/12", True),
        ("https://api.github.com", "https://evil.example/acme/checkout/issues/12", False),
        ("https://api.github.com", "https://github.com@evil.example/", False),
        ("https://api.github.com", "https://github.com.evil.example/", False),
        ("https://api.github.com", "https://[::1", False),
        ("https://ghe.acme.example/api/v3", "https://github.com/acme/checkout/issues/12", False),
    ],
)
def test_links_of_a_delivery_lead_only_to_the_own_site(site: str, address: str, *, kept: bool) -> None:
    """They are shown on pages and in mails."""
    for event, body in (
        ("issues", {"issue": issue(html_url=address)}),
        ("pull_request", {"pull_request": pull(html_url=address)}),
    ):
        post = delivery(event, "edited", **body)
        (seen,) = GitHub().parse_delivery(post, replace(CONNECTION, site=site)).observations
        assert isinstance(seen, Snapshot)
        assert seen.url == (address if kept else "")


def test_an_address_of_another_site_is_no_key() -> None:
    """The host of GitHub's pages decides, which is not that of the API."""
    written = "https://github.com/acme/checkout/issues/12"
    assert GitHub().normalize_key(written, site="https://api.github.com") == "acme/checkout#12"
    with pytest.raises(ValueError, match=r"at https://ghe\.acme\.example"):
        GitHub().normalize_key(written, site="https://ghe.acme.example/api/v3")
