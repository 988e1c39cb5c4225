"""Parse deliveries about repositories, their owners and the installations of an app.

They say which name a scope has now, and whether it can be watched. Deliveries about issues may still arrive after an
app was uninstalled or suspended; they are applied as usual.
https://docs.github.com/en/webhooks/webhook-events-and-payloads#installation
"""

from collections.abc import Callable

from connectors.github.model.snapshots import scope_of
from connectors.github.webhook.parse_issues import repository_of
from connectors.json_fields import Json, exact_text, json_object, json_objects, required, timestamp
from sync_service.domain.trackers.connector import Connection, Rejected
from sync_service.domain.trackers.observations import AccountSeen, Ignored, Observation, ScopeSeen

Reader = Callable[[Json, Connection], tuple[Observation, ...]]

_ALWAYS = frozenset({"action", "enterprise", "installation", "organization", "repository", "sender"})
"""Keys that every delivery may have."""


def read_repository(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read the name of a repository, and its name before it was renamed or transferred."""
    scope = scope_of(repository_of(payload))
    owner, _, name = scope.name.partition("/")
    changes = json_object(payload.get("changes"))
    old_name = exact_text(json_object(json_object(changes.get("repository")).get("name")).get("from"), 100)
    before = json_object(json_object(changes.get("owner")).get("from"))
    old_owner = exact_text(json_object(before.get("organization") or before.get("user")).get("login"), 100)
    was = f"{old_owner or owner}/{old_name or name}"
    return (ScopeSeen(scope=scope, was=was if was.lower() != scope.name.lower() else None),)


def read_repository_deleted(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read that a repository was deleted."""
    _check_no_other_subject(payload, allowed=_ALWAYS)
    return (ScopeSeen(scope=scope_of(repository_of(payload)), gone="the repository was deleted", for_good=True),)


def read_organization_renamed(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read the new name of an organization; it renames all its repositories."""
    return _renamed(json_object(payload.get("organization")), payload)


def read_target_renamed(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read the new name of the account that an app is installed on."""
    return _renamed(json_object(payload.get("account")), payload)


def _renamed(account: Json, payload: Json) -> tuple[Observation, ...]:
    # An enterprise has a slug instead of a login, and no repositories.
    name, was = (exact_text(found, 100) for found in (account.get("login"), _from(payload, "login")))
    known = AccountSeen(name=name, was=was) if name and was else None
    return (known or Ignored("the delivery does not say the old and the new name of an owner of repositories"),)


def _from(payload: Json, name: str) -> object:
    return json_object(json_object(payload.get("changes")).get(name)).get("from")


def read_organization_deleted(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read that an organization was deleted, with all its repositories."""
    _check_no_other_subject(payload, allowed=(_ALWAYS - {"repository"}) | {"membership"})
    name = required(exact_text(json_object(payload.get("organization")).get("login"), 100), "the organization's name")
    return (AccountSeen(name=name, gone="the organization was deleted", for_good=True),)


def installation_parser(gone: str | None) -> Reader:
    """Return the parser of deliveries after which an installation's repositories are gone or, without reason, back."""

    def read(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
        installation = json_object(payload.get("installation"))
        # Only a suspension has a time: `updated_at` need not change when an app is installed or uninstalled.
        suspended = gone is not None and "suspended_at" in installation
        at = timestamp(installation.get("suspended_at")) if suspended else None
        listed = json_objects(payload.get("repositories"))
        if listed and payload.get("repository_selection", installation.get("repository_selection")) != "all":
            return tuple(ScopeSeen(scope=scope_of(one), gone=gone, returned=gone is None, at=at) for one in listed)
        account = exact_text(json_object(installation.get("account")).get("login"), 100)
        if account is None:
            return (Ignored("the delivery does not say whose installation it is"),)
        return (AccountSeen(name=account, gone=gone, returned=gone is None, at=at),)

    return read


def read_installation_repositories(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Read which repositories were added to an installation, and which were removed."""
    added, removed = (json_objects(payload.get(name)) for name in ("repositories_added", "repositories_removed"))
    back = [ScopeSeen(scope=scope_of(one), returned=True) for one in added]
    gone = [ScopeSeen(scope=scope_of(one), gone="the GitHub app may no longer see it") for one in removed]
    return (*back, *gone) or (Ignored("the delivery names no repository"),)


def _check_no_other_subject(payload: Json, *, allowed: frozenset[str]) -> None:
    """Raise `Rejected` when the body is about something else.

    The signature does not cover the event's name: a deleted repository must not count as a deleted organization.
    """
    others = sorted(name for name in payload if name not in allowed)
    if others:
        raise Rejected(f"the body is about {', '.join(others)[:100]!r}, not about what the event's name says")
