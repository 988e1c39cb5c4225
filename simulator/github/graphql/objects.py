"""Resolve issues, pull requests, repositories and accounts as GraphQL objects."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from graphql import GraphQLError

from simulator.github.graphql.execute import Info, Object, QueryContext, query_error
from simulator.github.graphql.projects import items_of, projects_of, statuses_of
from simulator.github.json.common import moment
from simulator.github.json.issues import sub_issues_summary
from simulator.github.model.accounts import User
from simulator.github.model.fields import FieldValue, IssueField
from simulator.github.model.issue import Issue, IssueRepository
from simulator.github.model.labels_and_milestones import Label, Milestone
from simulator.github.model.pull_request import PullRequest


def root(context: QueryContext) -> Object:
    """Return the root object of a query."""

    def node(_info: Info, **arguments: Any) -> Object | None:
        return _node(context, arguments["id"])

    def nodes(_info: Info, **arguments: Any) -> list[Object | GraphQLError]:
        if len(arguments["ids"]) > 100:
            raise query_error("ARGUMENT_LIMIT", "You may not provide more than 100 node ids")
        return [_node_or_error(context, each) for each in arguments["ids"]]

    def repository(_info: Info, **arguments: Any) -> Object:
        owner, name = arguments["owner"], arguments["name"]
        repo = context.hub.find(owner, name)
        hidden = repo is None or not context.can_see(repo)
        if repo is None or hidden or not (arguments["followRenames"] or repo.is_named(owner, name)):
            raise query_error("NOT_FOUND", f"Could not resolve to a Repository with the name '{owner}/{name}'.")
        return _repository(context, repo)

    def organization(_info: Info, *, login: str) -> Object:
        owner = context.hub.owner
        if owner.kind != "Organization" or owner.login.lower() != login.lower():
            raise query_error("NOT_FOUND", f"Could not resolve to an Organization with the login of '{login}'.")
        return {**_account(owner, context.hub.url), "projectsV2": projects_of(context)}

    def rate_limit(_info: Info, **_arguments: Any) -> Object:
        left = context.hub.limits.remaining(context.caller.bucket, "graphql")
        counts = {name: left[name] for name in ("limit", "remaining", "used")}
        return {"cost": context.cost, **counts, "resetAt": moment(datetime.fromtimestamp(left["reset"], UTC))}

    return {
        "node": node,
        "nodes": nodes,
        "repository": repository,
        "organization": organization,
        "rateLimit": rate_limit,
        "viewer": lambda _info: _account(context.caller.user, context.hub.url),
    }


def _node(context: QueryContext, node_id: str) -> Object:
    issue = context.issue_with(node_id)
    if issue is not None:
        return _work(context, context.allow(issue))
    repo = context.repository_with(node_id)
    if repo is None:
        raise query_error("NOT_FOUND", f"Could not resolve to a node with the global id of '{node_id}'.")
    return _repository(context, repo)


def _node_or_error(context: QueryContext, node_id: str) -> Object | GraphQLError:
    try:
        return _node(context, node_id)
    except GraphQLError as error:
        return error


def _repository(context: QueryContext, repo: IssueRepository) -> Object:
    def find(kind: str, number: int) -> Object:
        work = repo.peek_issue(number)
        right = {"an Issue": not isinstance(work, PullRequest), "a PullRequest": isinstance(work, PullRequest)}
        if work is None or not right.get(kind, True):
            raise query_error("NOT_FOUND", f"Could not resolve to {kind} with the number of {number}.")
        return _work(context, context.allow(work))

    return {
        "__typename": "Repository",
        "id": repo.node_id,
        "databaseId": _small(repo.id),
        "name": repo.name,
        "nameWithOwner": repo.full_name,
        "isArchived": repo.archived,
        "url": repo.url,
        "defaultBranchRef": {"name": repo.default_branch},
        "issue": lambda _info, number: find("an Issue", number),
        "pullRequest": lambda _info, number: find("a PullRequest", number),
        "issueOrPullRequest": lambda _info, number: find("an issue or pull request", number),
    }


def _work(context: QueryContext, work: Issue) -> Object:
    own = _pull_request(context, work) if isinstance(work, PullRequest) else _issue(context, work)
    return {
        "id": work.node_id,
        "number": work.number,
        "title": work.title,
        "body": work.body or "",
        "url": work.url,
        "createdAt": moment(work.created),
        "updatedAt": moment(work.updated),
        "closedAt": moment(work.closed),
        "author": _author(work.author, context.hub.url),
        "milestone": None if work.milestone is None else _milestone(work.milestone),
        "repository": lambda _info: _repository(context, work.repository),
        "labels": context.connection("labels", _label, lambda _: work.labels),
        "assignees": context.connection(
            "assignees",
            lambda account: _account(account, context.hub.url),
            lambda _: [each for each in work.assignees if each.kind == "User"],
        ),
        "assignedActors": context.connection(
            "assignedActors", lambda account: _author(account, context.hub.url), lambda _: work.assignees
        ),
        **own,
    }


def _issue(context: QueryContext, issue: Issue) -> Object:
    def closers(arguments: Any) -> Sequence[PullRequest]:
        found = context.closers(issue)
        return found if arguments.get("includeClosedPrs") else [each for each in found if each.closed is None]

    def write(work: Issue) -> Object:
        return _work(context, work)

    def visible(_arguments: Any) -> Sequence[Issue]:
        return [each for each in issue.sub_issues if context.can_see(each.repository)]

    parent, kind = issue.parent, issue.type
    total = sub_issues_summary(issue)
    return {
        "__typename": "Issue",
        "databaseId": _small(issue.id),
        "fullDatabaseId": str(issue.id),
        "state": issue.state.upper(),
        "stateReason": lambda _info, **arguments: _reason(issue, **arguments),
        "issueFieldValues": context.connection("issueFieldValues", _field_value, lambda _: list(issue.fields.items())),
        "issueType": None if kind is None else {"id": kind.node_id, "name": kind.name},
        "projectItems": items_of(context, issue),
        "timelineItems": statuses_of(context, issue),
        "parent": lambda _info: (
            None if parent is None or not context.can_see(parent.repository) else _work(context, parent)
        ),
        "subIssuesSummary": {
            "total": total["total"],
            "completed": total["completed"],
            "percentCompleted": total["percent_completed"],
        },
        "subIssues": context.connection("subIssues", write, visible),
        "closedByPullRequestsReferences": context.connection("closedByPullRequestsReferences", write, closers),
    }


def _pull_request(context: QueryContext, pull: PullRequest) -> Object:
    def closed(_arguments: Any) -> Sequence[Issue]:
        return [each for each in pull.closes() if context.can_see(each.repository)]

    return {
        "__typename": "PullRequest",
        "databaseId": _small(pull.pull_id),
        "fullDatabaseId": str(pull.pull_id),
        "state": "MERGED" if pull.merged is not None else pull.state.upper(),
        "merged": pull.merged is not None,
        "mergedAt": moment(pull.merged),
        "isDraft": pull.draft,
        "baseRefName": pull.base,
        "closingIssuesReferences": context.connection(
            "closingIssuesReferences", lambda work: _work(context, work), closed
        ),
    }


def _reason(issue: Issue, *, enableDuplicate: bool = True) -> str | None:  # noqa: N803  GitHub's word
    """Return why it was closed; without `enableDuplicate`, a duplicate is NOT_PLANNED."""
    if issue.state_reason == "duplicate" and not enableDuplicate:
        return "NOT_PLANNED"
    return None if issue.state_reason is None else issue.state_reason.upper()


def _field_value(pair: tuple[IssueField, FieldValue]) -> Object:
    field, value = pair
    kind = "".join(word.capitalize() for word in field.type.split("_"))
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
    """Write an author; a bot's login has no `[bot]` suffix here, unlike REST."""
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
    """Return an id if it fits into GraphQL's `Int`; newer ids do not, so only `fullDatabaseId` has them."""
    return id_ if id_ < 1 << 31 else None
