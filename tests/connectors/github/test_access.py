"""Deliveries about access: repositories that are renamed, deleted or available again."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.github import GitHub
from sync_service.domain.trackers.connector import Rejected, WebhookRequest
from sync_service.domain.trackers.observations import AccountSeen, Ignored, Observation, ScopeRef, ScopeSeen
from tests.connectors.github.payloads import CHECKOUT, CONNECTION, LABEL, LEDGER, Json, delivery

SCOPE = ScopeRef("8001", "acme/checkout")
ACME: Json = {"login": "acme", "id": 77, "type": "Organization"}
INSTALLATION: Json = {"id": 5, "account": ACME, "repository_selection": "selected", "suspended_at": None}


def read(event: str, action: str, **fields: Any) -> tuple[Observation, ...]:
    """Return a delivery's observations."""
    return GitHub().parse_delivery(delivery(event, action, **fields), CONNECTION).observations


@pytest.mark.parametrize(
    ("action", "changes", "was"),
    [
        ("renamed", {"repository": {"name": {"from": "shop"}}}, "acme/shop"),
        ("transferred", {"owner": {"from": {"organization": {"login": "Emca"}}}}, "Emca/checkout"),
        ("transferred", {"owner": {"from": {"user": {"login": "ana"}}}}, "ana/checkout"),
        ("transferred", {"owner": {"from": {"user": None, "organization": None}}}, None),
        ("renamed", {"repository": {"name": {"from": "Checkout"}}}, None),
        ("renamed", {}, None),
    ],
)
def test_a_renamed_repository_has_its_old_and_new_name(action: str, changes: Json, was: str | None) -> None:
    """A repository that was only configured, and never seen, is found by its old name alone."""
    assert read("repository", action, changes=changes) == (ScopeSeen(scope=SCOPE, was=was),)


def test_a_deleted_repository_is_deleted_for_good() -> None:
    """Only the signed body counts. The event's name is not signed, so another deletion can't pass for it."""
    assert read("repository", "deleted") == (ScopeSeen(scope=SCOPE, gone="the repository was deleted", for_good=True),)
    with pytest.raises(Rejected, match="about 'label'"):
        read("repository", "deleted", label=LABEL)
    with pytest.raises(Rejected, match="about 'team'"):
        read("organization", "deleted", organization=ACME, team={"id": 1})


def test_a_renamed_owner_has_both_names() -> None:
    """For organizations, and for any account with the app."""
    changes = {"login": {"from": "emca"}}
    assert read("organization", "renamed", organization=ACME, changes=changes) == (
        AccountSeen(name="acme", was="emca"),
    )
    assert read("installation_target", "renamed", account=ACME, changes=changes) == (
        AccountSeen(name="acme", was="emca"),
    )
    unknown = (Ignored("the delivery does not say the old and the new name of an owner of repositories"),)
    assert read("organization", "renamed", organization=ACME, changes={}) == unknown
    assert read("installation_target", "renamed", account={"slug": "acme"}, changes=changes) == unknown


def test_a_deleted_organization_deletes_its_repositories() -> None:
    """All of them. A deleted repository of an organization can't pass for it."""
    body = {"action": "deleted", "organization": ACME, "membership": {"role": "admin"}}
    post = WebhookRequest({"x-github-event": "organization"}, json.dumps(body).encode())
    assert GitHub().parse_delivery(post, CONNECTION).observations == (
        AccountSeen(name="acme", gone="the organization was deleted", for_good=True),
    )
    with pytest.raises(Rejected, match="about 'repository'"):
        read("organization", "deleted", organization=ACME)


UNINSTALLED, SUSPENDED = "the GitHub app was uninstalled", "the GitHub app was suspended"


@pytest.mark.parametrize(
    ("action", "gone"), [("created", None), ("unsuspend", None), ("deleted", UNINSTALLED), ("suspend", SUSPENDED)]
)
def test_an_installation_covers_its_listed_repositories_or_the_whole_account(action: str, gone: str | None) -> None:
    """If all are selected or none is listed, it covers all repositories of the account."""
    back = gone is None
    named = read("installation", action, installation=INSTALLATION, repositories=[CHECKOUT, LEDGER])
    assert named == (
        ScopeSeen(scope=SCOPE, gone=gone, returned=back),
        ScopeSeen(scope=ScopeRef("8002", "acme/ledger"), gone=gone, returned=back),
    )
    account = (AccountSeen(name="acme", gone=gone, returned=back),)
    for installation, repositories in (
        ({**INSTALLATION, "repository_selection": "all"}, [CHECKOUT]),
        (INSTALLATION, []),
        (INSTALLATION, None),
    ):
        assert read("installation", action, installation=installation, repositories=repositories) == account
    nobody = read("installation", action, installation={**INSTALLATION, "account": None})
    assert nobody == (Ignored("the delivery does not say whose installation it is"),)


def test_a_suspension_has_its_time() -> None:
    """An older suspension that arrives late must not undo its end."""
    (seen,) = read("installation", "suspend", installation={**INSTALLATION, "suspended_at": "2026-10-08T07:00:00Z"})
    assert seen == AccountSeen(name="acme", gone=SUSPENDED, at=datetime(2026, 10, 8, 7, tzinfo=UTC))


@pytest.mark.parametrize("action", ["added", "removed"])
def test_repositories_are_added_to_an_installation_and_removed(action: str) -> None:
    """Both lists are read for any action: one change of the selection may do both."""
    fields = {"repositories_added": [LEDGER], "repositories_removed": [CHECKOUT]}
    assert read("installation_repositories", action, installation=INSTALLATION, **fields) == (
        ScopeSeen(scope=ScopeRef("8002", "acme/ledger"), returned=True),
        ScopeSeen(scope=SCOPE, gone="the GitHub app may no longer see it"),
    )
    assert read("installation_repositories", action, installation=INSTALLATION) == (
        Ignored("the delivery names no repository"),
    )
