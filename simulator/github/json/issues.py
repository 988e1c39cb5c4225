"""Write issues, pull requests and comments as JSON, the same in webhooks and in REST responses."""

from simulator.github.json.apps import app_json
from simulator.github.json.common import (
    Json,
    issue_type_json,
    label_json,
    milestone_json,
    moment,
    repository_api_url,
    repository_json,
    user_json,
)
from simulator.github.json.fields import value_json
from simulator.github.model.comment import Comment, CommentedIssue
from simulator.github.model.issue import Issue
from simulator.github.model.pull_request import PullRequest
from simulator.github.model.timeline import TimelineEvent

_REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def issue_json(issue: Issue) -> Json:
    """Write an issue, or a pull request as the issues API shows it: with the key `pull_request`."""
    url = issue_api_url(issue)
    return {
        "url": url,
        "repository_url": repository_api_url(issue.repository),
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "timeline_url": f"{url}/timeline",
        "id": issue.id,
        **_common(issue),
        "state_reason": issue.state_reason,
        "type": None if issue.type is None else issue_type_json(issue.type),
        "comments": len(issue.comments),
        "performed_via_github_app": None,
        "reactions": _reactions(url),
        "sub_issues_summary": sub_issues_summary(issue),
        "issue_dependencies_summary": dict.fromkeys(
            ("blocked_by", "total_blocked_by", "blocking", "total_blocking"), 0
        ),
        "issue_field_values": [value_json(field, value) for field, value in issue.fields.items()],
        **({} if issue.parent is None else {"parent_issue_url": issue_api_url(issue.parent)}),
        **(_pull_request_fields(issue) if isinstance(issue, PullRequest) else {}),
    }


def issue_api_url(issue: CommentedIssue) -> str:
    """Return an issue's address in the REST API."""
    return f"{repository_api_url(issue.repository)}/issues/{issue.number}"


def timeline_event_json(issue: Issue, event: TimelineEvent) -> Json:
    """Write an event of a timeline. One about a project's status does not say which."""
    return {
        "id": event.id,
        "node_id": f"LE_{event.id}",
        "url": f"{repository_api_url(issue.repository)}/issues/events/{event.id}",
        "actor": user_json(event.actor, issue.repository.hub.site),
        "event": event.name,
        "commit_id": None,
        "commit_url": None,
        "created_at": moment(event.at),
        "performed_via_github_app": None,
        **({} if event.label is None else {"label": {"name": event.label.name, "color": event.label.color}}),
        **({"state_reason": event.reason} if event.name == "closed" else {}),
    }


def issue_details_json(issue: Issue) -> Json:
    """Write an issue as `GET …/issues/{number}` gives it: the webhooks' shape and who closed it."""
    closed_by = None if issue.closed_by is None else user_json(issue.closed_by, issue.repository.hub.site)
    return {**issue_json(issue), "closed_by": closed_by}


def pull_request_json(pull: PullRequest) -> Json:
    """Write a pull request."""
    repository_api = repository_api_url(pull.repository)
    site = pull.repository.hub.site
    url, issue_url = f"{repository_api}/pulls/{pull.number}", f"{repository_api}/issues/{pull.number}"
    statuses = f"{repository_api}/statuses/{pull.repository.hub.sha(pull.head)}"
    links = {
        "self": url,
        "html": pull.url,
        "issue": issue_url,
        "comments": f"{issue_url}/comments",
        "review_comments": f"{url}/comments",
        "review_comment": f"{repository_api}/pulls/comments{{/number}}",
        "commits": f"{url}/commits",
        "statuses": statuses,
    }
    mergeable = pull.closed is None
    return {
        "url": url,
        "id": pull.pull_id,
        **_common(pull),
        "diff_url": f"{pull.url}.diff",
        "patch_url": f"{pull.url}.patch",
        "issue_url": issue_url,
        "merged_at": moment(pull.merged),
        "merge_commit_sha": pull.repository.hub.sha(f"merge of {pull.head}"),
        "requested_reviewers": [],
        "requested_teams": [],
        "draft": pull.draft,
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": f"{repository_api}/pulls/comments{{/number}}",
        "comments_url": f"{issue_url}/comments",
        "statuses_url": statuses,
        "head": _branch(pull, pull.head),
        "base": _branch(pull, pull.base),
        "_links": {name: {"href": href} for name, href in links.items()},
        "auto_merge": None,
        "merged": pull.merged is not None,
        "mergeable": True if mergeable else None,
        "rebaseable": True if mergeable else None,
        "mergeable_state": "clean" if mergeable else "unknown",
        "merged_by": None if pull.merged_by is None else user_json(pull.merged_by, site),
        "comments": len(pull.comments),
        "review_comments": 0,
        "maintainer_can_modify": False,
        "commits": 1,
        "additions": 1,
        "deletions": 0,
        "changed_files": 1,
    }


def comment_json(comment: Comment) -> Json:
    """Write a comment."""
    hub = comment.issue.repository.hub
    url = f"{repository_api_url(comment.issue.repository)}/issues/comments/{comment.id}"
    return {
        "url": url,
        "html_url": comment.url,
        "issue_url": issue_api_url(comment.issue),
        "id": comment.id,
        "node_id": comment.node_id,
        "user": user_json(comment.author, hub.site),
        "created_at": moment(comment.created),
        "updated_at": moment(comment.updated),
        "author_association": "NONE" if comment.author.kind == "Bot" else "MEMBER",
        "body": comment.body,
        "reactions": _reactions(url),
        "performed_via_github_app": None if comment.app is None else app_json(comment.app),
    }


def _reactions(url: str) -> Json:
    return {"url": f"{url}/reactions", "total_count": 0, **dict.fromkeys(_REACTIONS, 0)}


def sub_issues_summary(issue: Issue) -> Json:
    """Count an issue's sub-issues and how many of them are closed."""
    total, completed = len(issue.sub_issues), sum(each.closed is not None for each in issue.sub_issues)
    return {"total": total, "completed": completed, "percent_completed": 100 * completed // total if total else 0}


def _common(issue: Issue) -> Json:
    site = issue.repository.hub.site
    assignees = [user_json(account, site) for account in issue.assignees]
    return {
        "node_id": issue.node_id,
        "number": issue.number,
        "html_url": issue.url,
        "title": issue.title,
        "body": issue.body,
        "user": user_json(issue.author, site),
        "labels": [label_json(each) for each in issue.labels],
        "state": issue.state,
        "locked": issue.locked,
        "active_lock_reason": None,
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "milestone": None if issue.milestone is None else milestone_json(issue.milestone, site),
        "created_at": moment(issue.created),
        "updated_at": moment(issue.updated),
        "closed_at": moment(issue.closed),
        "author_association": "MEMBER",
    }


def _pull_request_fields(pull: PullRequest) -> Json:
    return {
        "draft": pull.draft,
        "pull_request": {
            "url": f"{repository_api_url(pull.repository)}/pulls/{pull.number}",
            "html_url": pull.url,
            "diff_url": f"{pull.url}.diff",
            "patch_url": f"{pull.url}.patch",
            "merged_at": moment(pull.merged),
        },
    }


def _branch(pull: PullRequest, name: str) -> Json:
    repo = pull.repository
    return {
        "label": f"{repo.owner.login}:{name}",
        "ref": name,
        "sha": repo.hub.sha(name),
        "user": user_json(repo.owner, repo.hub.site),
        "repo": repository_json(repo),
    }
