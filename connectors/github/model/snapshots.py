"""Convert GitHub's JSON of issues and pull requests to snapshots.

The shapes are those of https://docs.github.com/en/rest/issues/issues#get-an-issue and
https://docs.github.com/en/rest/pulls/pulls#get-a-pull-request, which the webhooks share.
"""

import re
from datetime import datetime
from types import MappingProxyType

from connectors.github.model.closing_keywords import parse_closing_keywords
from connectors.github.model.number_fields import NumberFields, ProjectValues, field_values_of
from connectors.json_fields import (
    TITLE_LENGTH,
    Json,
    exact_text,
    identifier,
    json_object,
    json_objects,
    required,
    text,
    timestamp,
)
from connectors.json_fields import web_address as address
from sync_service.domain.trackers.connector import Rejected
from sync_service.domain.trackers.observations import (
    Account,
    Closing,
    FetchNeeded,
    Kind,
    Parent,
    ScopeRef,
    Snapshot,
    State,
    Term,
)

DROPPED_REASONS = frozenset({"not_planned", "duplicate"})
"""Values of `state_reason` that end an issue without its work being done; any other, or none, means done."""

_BY_NAME = re.compile(r"/repos/([^/]+/[^/]+?)(?:/issues/([0-9]+))?/?\Z")


def scope_of(repository: Json) -> ScopeRef:
    """Return the repository as a scope; raise `Rejected` when its id or name is missing."""
    found = required(identifier(repository.get("id")), "the repository's id")
    return ScopeRef(found, required(exact_text(repository.get("full_name"), 200), "the repository's full name"))


def repository_in_url(url: object) -> tuple[str, str | None] | None:
    """Return `owner/repo`, and the issue number if there is one, from an API address by name."""
    found = _BY_NAME.search(url) if isinstance(url, str) and len(url) < 500 and url.isprintable() else None
    return (found[1], found[2]) if found else None


def identity_and_key(issue: Json, scope: ScopeRef) -> tuple[str, str]:
    """Return identity and key of an issue or pull request in `scope`."""
    count = required(identifier(issue.get("number")), "the issue's number")
    return f"{scope.id}#{count}", f"{scope.name}#{count}"


def account(user: Json) -> Account | None:
    """Return a GitHub user. The login is the id, because it is what people write; the number stays when it changes."""
    login = exact_text(user.get("login"))
    return Account(login, login, identifier(user.get("id"))) if login else None


def read_issue(
    issue: Json, scope: ScopeRef, wanted: NumberFields, shown: ProjectValues = MappingProxyType({})
) -> Snapshot | FetchNeeded:
    """Return the snapshot of an issue in `scope`, or `FetchNeeded` when the JSON is not the whole issue.

    `shown` are values from other sources than the issue's own fields.
    """
    identity, key = identity_and_key(issue, scope)
    lack = _missing_field(issue)
    home = repository_in_url(issue.get("repository_url"))
    if issue.get("pull_request"):
        return _pull_as_issue(issue, scope)
    if home and home[0].lower() != scope.name.lower():
        lack = f"the delivery places the issue in {home[0]} and in {scope.name}"
    updated_at = timestamp(issue.get("updated_at"))
    if lack or updated_at is None:
        return FetchNeeded(
            identity=identity, key=key, reason=lack or "the delivery does not say when the issue changed"
        )
    state, resolution = _issue_state(issue)
    found = field_values_of(issue, wanted, shown)
    return Snapshot(
        identity=identity,
        scope=scope,
        key=key,
        kind=Kind.ISSUE,
        title=text(issue.get("title"), TITLE_LENGTH) or key,
        url=address(issue.get("html_url")),
        state=state,
        updated_at=updated_at,
        type=text(json_object(issue.get("type")).get("name")),
        resolution=resolution,
        labels=_labels(issue),
        milestone=_milestone(issue),
        parent=_parent(issue, scope),
        assignees=_assignees(issue),
        author=account(json_object(issue.get("user"))),
        points=found.points,
        points_known=found.points_known,
        numbers=found.numbers,
        custom_fields=found.custom,
        created_at=timestamp(issue.get("created_at")),
        closed_at=_closed_at(issue),
        dated_anew=True,
    )


def _pull_as_issue(issue: Json, scope: ScopeRef) -> Snapshot | FetchNeeded:
    """Read a pull request in the JSON shape of an issue: `issues.milestoned` sends that.

    This shape may not say whether a closed pull request was merged.
    """
    merge = json_object(issue.get("pull_request"))
    if issue.get("state") == "closed" and "merged_at" not in merge:
        identity, key = identity_and_key(issue, scope)
        return FetchNeeded(identity=identity, key=key, reason="the delivery does not say whether it was merged")
    return read_pull_request({**issue, "merged_at": merge.get("merged_at")}, scope, {})


def read_pull_request(pull: Json, scope: ScopeRef, repository: Json) -> Snapshot | FetchNeeded:
    """Read a pull request whose base is in `scope`; raise `Rejected` when its base is another repository.

    `repository` is further JSON of the base repository: it may name the default branch.
    """
    identity, key = identity_and_key(pull, scope)
    base = identifier(json_object(json_object(pull.get("base")).get("repo")).get("id"))
    if base is not None and base != scope.id:
        raise Rejected(f"the pull request belongs to repository {base}, the delivery to {scope.id}")
    lack = _missing_field(pull)
    updated_at = timestamp(pull.get("updated_at"))
    if lack or updated_at is None:
        return FetchNeeded(identity=identity, key=key, reason=lack or "the delivery does not say when it changed")
    state, resolution = _pull_state(pull)
    return Snapshot(
        identity=identity,
        scope=scope,
        key=key,
        kind=Kind.PULL_REQUEST,
        title=text(pull.get("title"), TITLE_LENGTH) or key,
        url=address(pull.get("html_url")),
        state=state,
        updated_at=updated_at,
        resolution=resolution,
        labels=_labels(pull),
        milestone=_milestone(pull),
        closes=_closes(pull, scope, repository),
        assignees=_assignees(pull),
        author=account(json_object(pull.get("user"))),
        created_at=timestamp(pull.get("created_at")),
        closed_at=timestamp(pull.get("merged_at")) or _closed_at(pull),
        dated_anew=True,
    )


def _closes(pull: Json, scope: ScopeRef, repository: Json) -> tuple[Closing, ...] | None:
    """Return the issues that a pull request closes: none unless its base is the default branch; None when unknown."""
    base = json_object(pull.get("base"))
    into, default = (
        base.get("ref"),
        json_object(base.get("repo")).get("default_branch") or repository.get("default_branch"),
    )
    if "body" not in pull or not isinstance(into, str) or not isinstance(default, str):
        return None
    body = pull["body"] if into == default else None
    return (
        parse_closing_keywords(body, scope=scope, page=address(pull.get("html_url"))) if isinstance(body, str) else ()
    )


def _missing_field(issue: Json) -> str | None:
    """Return which field is missing for a whole issue, as the reason to fetch it."""
    if issue.get("state") not in ("open", "closed"):
        return "the delivery does not say whether it is open or closed"
    return None if isinstance(issue.get("labels"), list) else "the delivery leaves out the labels"


def _issue_state(issue: Json) -> tuple[State, str | None]:
    if issue.get("state") == "open":
        return State.TODO, None
    reason = text(issue.get("state_reason"))
    return (State.DROPPED if reason in DROPPED_REASONS else State.DONE), reason


def _pull_state(pull: Json) -> tuple[State, str | None]:
    if pull.get("state") == "open":
        return State.DOING, None
    if pull.get("merged") is True or timestamp(pull.get("merged_at")):
        return State.DONE, "merged"
    return State.DROPPED, "closed without merging"


def _closed_at(issue: Json) -> datetime | None:
    return None if issue.get("state") == "open" else timestamp(issue.get("closed_at"))


def _labels(issue: Json) -> tuple[Term, ...]:
    # GitHub guarantees no order. Sort them, so that equal content compares equal.
    found = {label_id: name for row in json_objects(issue.get("labels")) for label_id, name in _term(row, "name")}
    return tuple(Term(label_id, found[label_id]) for label_id in sorted(found))


def _milestone(issue: Json) -> Term | None:
    return next((Term(*pair) for pair in _term(json_object(issue.get("milestone")), "title")), None)


def _term(row: Json, name_field: str) -> tuple[tuple[str, str], ...]:
    found, name = identifier(row.get("id")), text(row.get(name_field))
    return ((found, name),) if found and name else ()


def _assignees(issue: Json) -> tuple[Account, ...]:
    found = {person.id: person for row in json_objects(issue.get("assignees")) if (person := account(row))}
    return tuple(found[login] for login in sorted(found))


def _parent(issue: Json, scope: ScopeRef) -> Parent | None:
    """Read the parent: unknown when the key is absent, no parent when it is null."""
    if "parent_issue_url" not in issue:
        return None
    url = issue["parent_issue_url"]
    if url is None:
        return Parent(None)
    home = repository_in_url(url)
    if not home or not home[1]:
        return None
    same = home[0].lower() == scope.name.lower()
    return Parent(f"{home[0]}#{home[1]}", f"{scope.id}#{home[1]}" if same else None)
