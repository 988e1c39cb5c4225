"""How issues, pull requests and what belongs to them look by GraphQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError

from simulator.github.bodies import moment
from simulator.github.graph.answering import Asked, Info, Object, refusal
from simulator.github.graph.boards import items_of, projects_of
from simulator.github.pull_request import PullRequest
from simulator.github.work import sub_issues_summary

if TYPE_CHECKING:
    from simulator.github.fields import FieldValue, IssueField
    from simulator.github.issue import Issue
    from simulator.github.planning import Label, Milestone, User
    from simulator.github.repository import Repository


def root(asked: Asked) -> Object:
    """Give what a query begins at."""

    def node(_info: Info, **arguments: Any) -> Object | None:
        return _node(asked, arguments["id"])

    def nodes(_info: Info, **arguments: Any) -> list[Object | GraphQLError]:
        if len(arguments["ids"]) > 100:
            raise refusal("ARGUMENT_LIMIT", "You may not provide more than 100 node ids")
        return [_node_or_error(asked, each) for each in arguments["ids"]]

    def repository(_info: Info, **arguments: Any) -> Object:
        owner, name = arguments["owner"], arguments["name"]
        place = asked.hub.find(owner, name)
        hidden = place is None or not asked.sees(place)
        if place is None or hidden or not (arguments["followRenames"] or place.is_named(owner, name)):
            raise refusal("NOT_FOUND", f"Could not resolve to a Repository with the name '{owner}/{name}'.")
        return _repository(asked, place)

    def organization(_info: Info, *, login: str) -> Object:
        owner = asked.hub.owner
        if owner.kind != "Organization" or owner.login.lower() != login.lower():
            raise refusal("NOT_FOUND", f"Could not resolve to an Organization with the login of '{login}'.")
        return {**_account(owner, asked.hub.url), "projectsV2": projects_of(asked)}

    def rate_limit(_info: Info, **_arguments: Any) -> Object:
        left = asked.hub.limits.left(asked.caller.allowance, "graphql")
        counts = {name: left[name] for name in ("limit", "remaining", "used")}
        return {"cost": asked.cost, **counts, "resetAt": moment(datetime.fromtimestamp(left["reset"], UTC))}

    return {
        "node": node,
        "nodes": nodes,
        "repository": repository,
        "organization": organization,
        "rateLimit": rate_limit,
        "viewer": lambda _info: _account(asked.caller.user, asked.hub.url),
    }


def _node(asked: Asked, node_id: str) -> Object:
    issue = asked.issue_with(node_id)
    if issue is not None:
        return _work(asked, asked.allow(issue))
    place = asked.repository_with(node_id)
    if place is None:
        raise refusal("NOT_FOUND", f"Could not resolve to a node with the global id of '{node_id}'.")
    return _repository(asked, place)


def _node_or_error(asked: Asked, node_id: str) -> Object | GraphQLError:
    try:
        return _node(asked, node_id)
    except GraphQLError as error:
        return error


def _repository(asked: Asked, place: Repository) -> Object:
    def find(kind: str, number: int) -> Object:
        work = place.issues.peek(number) if number in place.issues else None
        right = {"an Issue": not isinstance(work, PullRequest), "a PullRequest": isinstance(work, PullRequest)}
        if work is None or not right.get(kind, True):
            raise refusal("NOT_FOUND", f"Could not resolve to {kind} with the number of {number}.")
        return _work(asked, asked.allow(work))

    return {
        "__typename": "Repository",
        "id": place.node_id,
        "databaseId": _small(place.id),
        "name": place.name,
        "nameWithOwner": place.full_name,
        "isArchived": place.archived,
        "url": place.url,
        "defaultBranchRef": {"name": place.default_branch},
        "issue": lambda _info, number: find("an Issue", number),
        "pullRequest": lambda _info, number: find("a PullRequest", number),
        "issueOrPullRequest": lambda _info, number: find("an issue or pull request", number),
    }


def _work(asked: Asked, work: Issue) -> Object:
    own = _pull_request(asked, work) if isinstance(work, PullRequest) else _issue(asked, work)
    return {
        "id": work.node_id,
        "number": work.number,
        "title": work.title,
        "body": work.body or "",
        "url": work.url,
        "createdAt": moment(work.created),
        "updatedAt": moment(work.updated),
        "closedAt": moment(work.closed),
        "author": _author(work.author, asked.hub.url),
        "milestone": None if work.milestone is None else _milestone(work.milestone),
        "repository": lambda _info: _repository(asked, work.repository),
        "labels": asked.connection("labels", _label, lambda _: work.labels),
        "assignees": asked.connection(
            "assignees",
            lambda account: _account(account, asked.hub.url),
            lambda _: [each for each in work.assignees if each.kind == "User"],
        ),
        "assignedActors": asked.connection(
            "assignedActors", lambda account: _author(account, asked.hub.url), lambda _: work.assignees
        ),
        **own,
    }


def _issue(asked: Asked, issue: Issue) -> Object:
    def closers(arguments: Any) -> Sequence[PullRequest]:
        found = asked.closers(issue)
        return found if arguments.get("includeClosedPrs") else [each for each in found if each.closed is None]

    def write(work: Issue) -> Object:
        return _work(asked, work)

    def visible(_arguments: Any) -> Sequence[Issue]:
        return [each for each in issue.sub_issues if asked.sees(each.repository)]

    parent, kind = issue.parent, issue.type
    total = sub_issues_summary(issue)
    return {
        "__typename": "Issue",
        "databaseId": _small(issue.id),
        "fullDatabaseId": str(issue.id),
        "state": issue.state.upper(),
        "stateReason": lambda _info, **arguments: _reason(issue, **arguments),
        "issueFieldValues": asked.connection("issueFieldValues", _field_value, lambda _: list(issue.fields.items())),
        "issueType": None if kind is None else {"id": kind.node_id, "name": kind.name},
        "projectItems": items_of(asked, issue),
        "parent": lambda _info: None if parent is None or not asked.sees(parent.repository) else _work(asked, parent),
        "subIssuesSummary": {
            "total": total["total"],
            "completed": total["completed"],
            "percentCompleted": total["percent_completed"],
        },
        "subIssues": asked.connection("subIssues", write, visible),
        "closedByPullRequestsReferences": asked.connection("closedByPullRequestsReferences", write, closers),
    }


def _pull_request(asked: Asked, pull: PullRequest) -> Object:
    def closed(_arguments: Any) -> Sequence[Issue]:
        return [each for each in pull.closes() if asked.sees(each.repository)]

    return {
        "__typename": "PullRequest",
        "databaseId": _small(pull.pull_id),
        "fullDatabaseId": str(pull.pull_id),
        "state": "MERGED" if pull.merged is not None else pull.state.upper(),
        "merged": pull.merged is not None,
        "mergedAt": moment(pull.merged),
        "isDraft": pull.draft,
        "baseRefName": pull.base,
        "closingIssuesReferences": asked.connection("closingIssuesReferences", lambda work: _work(asked, work), closed),
    }


def _reason(issue: Issue, *, enableDuplicate: bool = True) -> str | None:  # noqa: N803  GitHub's word
    """Give why it was closed; whoever does not ask for duplicates is told of another reason."""
    if issue.state_reason == "duplicate" and not enableDuplicate:
        return "NOT_PLANNED"
    return None if issue.state_reason is None else issue.state_reason.upper()


def _field_value(pair: tuple[IssueField, FieldValue]) -> Object:
    field, value = pair
    kind = "".join(part.capitalize() for part in field.type.split("_"))
    return {
        "__typename": f"IssueField{kind}Value",
        "id": f"IFV_{field.node_id.partition('_')[2]}",
        "value": value,
        "name": value,
        "field": {
            "__typename": f"IssueField{kind}",
            "id": field.node_id,
            "name": field.name,
            "fullDatabaseId": str(field.id),
        },
    }


def _author(account: User, site: str) -> Object:
    """Write who did something: a bot's name lacks here what REST adds to it."""
    return {**_account(account, site), "login": account.login.removesuffix("[bot]")}


def _account(account: User, site: str) -> Object:
    return {
        "__typename": account.kind,
        "id": account.node_id,
        "databaseId": _small(account.id),
        "login": account.login,
        "url": f"{site}/{account.login}",
    }


def _label(label: Label) -> Object:
    return {"id": label.node_id, "name": label.name, "color": label.color, "description": label.description}


def _milestone(milestone: Milestone) -> Object:
    return {
        "id": milestone.node_id,
        "number": milestone.number,
        "title": milestone.title,
        "state": "OPEN" if milestone.closed is None else "CLOSED",
        "dueOn": moment(milestone.due),
        "closedAt": moment(milestone.closed),
    }


def _small(id_: int) -> int | None:
    """Give an id that fits into GraphQL's `Int`; GitHub's newer ones do not, and then only `fullDatabaseId` has it."""
    return id_ if id_ < 1 << 31 else None
