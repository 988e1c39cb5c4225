"""Write Jira's objects as JSON: REST version 2 in webhooks and responses, version 3 in responses.

The two differ in rich text alone: a string in version 2, a document in version 3
(https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from simulator.jira.model.changelog import History
from simulator.jira.model.host import Host
from simulator.jira.model.issue import Comment, Issue, IssueProject
from simulator.jira.model.site_defaults import IssueType, Named, Status, User
from simulator.jira.model.sprints_and_versions import SPRINT_ID, Sprint, Version

Json = dict[str, Any]

EPIC_LINK_ID = "customfield_10101"
"""Data Center's field for the epic of an issue; its value is the epic's key."""

_TIMES = ("timespent", "timeestimate", "timeoriginalestimate")
_EMPTY = (*_TIMES, *(f"aggregate{name}" for name in _TIMES), "environment", "lastViewed", "duedate", "security")
"""Fields that every message has and that are always empty here."""

_PARTIAL = ("summary", "issuetype", "project", "assignee", "priority", "status")


def moment(when: datetime | None) -> str | None:
    """Write a time as Jira does: milliseconds, and an offset without a colon."""
    if when is None:
        return None
    when = when.astimezone(UTC)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03}+0000"


def user_json(site: Host, account: User) -> Json:
    """Write an account: Cloud shows no e-mail address in webhooks, Data Center no account id."""
    if site.data_center:
        self_url = f"{site.url}/rest/api/2/user?username={account.name}"
        names = {"name": account.name, "key": account.name, "emailAddress": account.email}
    else:
        self_url = f"{site.url}/rest/api/2/user?accountId={account.account_id}"
        names = {"accountId": account.account_id, "accountType": "atlassian"}
    sizes = ("48x48", "32x32", "24x24", "16x16")
    return {
        "self": self_url,
        **names,
        "avatarUrls": {size: f"{site.url}/avatars/{account.name}?size={size}" for size in sizes},
        "displayName": account.display_name,
        "active": True,
        "timeZone": "Etc/UTC",
    }


def issue_json(issue: Issue, *, version: int = 2) -> Json:
    """Write an issue with all its fields."""
    site = issue.project.site
    return {
        "id": issue.id,
        "self": f"{site.url}/rest/api/{version}/issue/{issue.id}",
        "key": issue.key,
        "fields": fields(issue, version=version),
    }


def partial_issue_json(issue: Issue) -> Json:
    """Write an issue as a comment's message carries it: six fields, no time of its last change."""
    whole = issue_json(issue)
    return {**whole, "fields": {name: whole["fields"][name] for name in _PARTIAL}}


def fields(issue: Issue, *, version: int = 2) -> Json:
    """Write the fields of an issue."""
    site = issue.project.site
    return {
        **_short_fields(issue),
        "project": project_json(issue.project),
        "description": issue.description if version == 2 else document(issue.description),
        "resolution": None if issue.resolution is None else _resolution(site, issue.resolution),
        "resolutiondate": moment(issue.resolved),
        "labels": list(issue.labels),
        "components": [_component(site, component) for component in issue.components],
        "fixVersions": [version_json(version) for version in issue.fix_versions],
        "versions": [],
        "assignee": None if issue.assignee is None else user_json(site, issue.assignee),
        "reporter": user_json(site, issue.reporter),
        "creator": user_json(site, issue.reporter),
        "created": moment(issue.created),
        "updated": moment(issue.updated),
        "archiveddate": moment(issue.archived),
        "issuelinks": [],
        "subtasks": [_short(each) for each in _subtasks(issue)],
        **_untouched(issue),
        site.points_field_id: None if issue.points is None else float(issue.points),
        **{one.id: issue.custom.get(one.id) for one in site.custom_fields},
        SPRINT_ID: [sprint_text(each) if site.data_center else sprint_json(each) for each in issue.sprints] or None,
        **_relations(issue),
    }


def comment_json(comment: Comment) -> Json:
    """Write a comment."""
    site = comment.issue.project.site
    return {
        "self": f"{site.url}/rest/api/2/issue/{comment.issue.id}/comment/{comment.id}",
        "id": comment.id,
        "author": user_json(site, comment.author),
        "body": comment.body,
        "updateAuthor": user_json(site, comment.editor),
        "created": moment(comment.created),
        "updated": moment(comment.updated),
    }


def document(text: str | None) -> Json | None:
    """Write plain text as a document of Atlassian's format."""
    if text is None:
        return None
    return {
        "type": "doc",
        "version": 1,
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}],
    }


def changelog_json(issue: Issue, histories: Sequence[History]) -> list[Json]:
    """Write entries of an issue's changelog."""
    site = issue.project.site
    return [
        {
            "id": one.id,
            "author": user_json(site, one.author),
            "created": moment(one.created),
            "items": [
                {name: value for name, value in item.items() if not (site.data_center and name == "fieldId")}
                for item in one.items
            ],
        }
        for one in histories
    ]


def status_json(site: Host, status: Status) -> Json:
    """Write a status with its category."""
    return _status(site, status)


def project_json(project: IssueProject) -> Json:
    """Write a project."""
    url = project.site.url
    return {
        "self": f"{url}/rest/api/2/project/{project.id}",
        "id": project.id,
        "key": project.key,
        "name": project.name,
        "projectTypeKey": "software",
        "simplified": False,
        "avatarUrls": {"48x48": f"{url}/secure/projectavatar?pid={project.id}"},
    }


def _short(issue: Issue) -> Json:
    url = f"{issue.project.site.url}/rest/api/2/issue/{issue.id}"
    return {"id": issue.id, "key": issue.key, "self": url, "fields": _short_fields(issue)}


def _short_fields(issue: Issue) -> Json:
    site = issue.project.site
    return {
        "summary": issue.summary,
        "status": _status(site, issue.status),
        "priority": _priority(site, issue.priority),
        "issuetype": _issue_type(site, issue.type),
    }


def _untouched(issue: Issue) -> Json:
    url = f"{issue.project.site.url}/rest/api/2/issue/{issue.key}"
    return {
        **dict.fromkeys(_EMPTY),
        "attachment": [],
        "timetracking": {},
        "progress": {"progress": 0, "total": 0},
        "aggregateprogress": {"progress": 0, "total": 0},
        "votes": {"self": f"{url}/votes", "votes": 0, "hasVoted": False},
        "watches": {"self": f"{url}/watchers", "watchCount": 0, "isWatching": False},
        "workratio": -1,
    }


def _relations(issue: Issue) -> Json:
    site, parent = issue.project.site, issue.parent
    if not site.data_center:
        relations: Json = {"statuscategorychangedate": moment(issue.status_changed)}
        return relations if parent is None else {**relations, "parent": _short(parent)}
    if parent is not None and issue.type.level < 0:
        return {EPIC_LINK_ID: None, "parent": _short(parent)}
    return {EPIC_LINK_ID: None if parent is None else parent.key}


def _subtasks(issue: Issue) -> list[Issue]:
    return [each for each in issue.project.site.children_of(issue) if each.type.level < 0]


def _issue_type(site: Host, kind: IssueType) -> Json:
    body: Json = {
        "self": f"{site.url}/rest/api/2/issuetype/{kind.id}",
        "id": kind.id,
        "description": "",
        "iconUrl": f"{site.url}/images/issuetype/{kind.id}.svg",
        "name": kind.name,
        "subtask": kind.level < 0,
        "avatarId": 10300 + int(kind.id) - 10000,
    }
    return body if site.data_center else {**body, "hierarchyLevel": kind.level}


def _status(site: Host, status: Status) -> Json:
    category = status.category
    return {
        "self": f"{site.url}/rest/api/2/status/{status.id}",
        "description": "",
        "iconUrl": f"{site.url}/images/status/{status.id}.png",
        "name": status.name,
        "id": status.id,
        "statusCategory": {
            "self": f"{site.url}/rest/api/2/statuscategory/{category.id}",
            "id": category.id,
            "key": category.key,
            "colorName": category.color,
            "name": category.name,
        },
    }


def _resolution(site: Host, resolution: Named) -> Json:
    url = f"{site.url}/rest/api/2/resolution/{resolution.id}"
    return {"self": url, "id": resolution.id, "description": "", "name": resolution.name}


def _priority(site: Host, priority: Named) -> Json:
    icon = f"{site.url}/images/icons/priorities/{priority.name.lower()}.svg"
    return {
        "self": f"{site.url}/rest/api/2/priority/{priority.id}",
        "iconUrl": icon,
        "name": priority.name,
        "id": priority.id,
    }


def _component(site: Host, component: Named) -> Json:
    return {"self": f"{site.url}/rest/api/2/component/{component.id}", "id": component.id, "name": component.name}


def sprint_json(sprint: Sprint) -> dict[str, Any]:
    """Write a sprint as Cloud does."""
    return {"id": int(sprint.id), "name": sprint.name, "state": sprint.state, "boardId": 1, "goal": ""}


def sprint_text(sprint: Sprint) -> str:
    """Write a sprint as Data Center does: as the text of a Java object."""
    shown = f"id={sprint.id},rapidViewId=1,state={sprint.state.upper()},name={sprint.name},startDate=<null>"
    return f"com.atlassian.greenhopper.service.sprint.Sprint@1bf[{shown},endDate=<null>,goal=,sequence={sprint.id}]"


def version_json(version: Version) -> dict[str, Any]:
    """Write a version as issues have it."""
    return {
        "self": f"{version.site.url}/rest/api/2/version/{version.id}",
        "id": version.id,
        "name": version.name,
        "archived": False,
        "released": version.released,
    }
