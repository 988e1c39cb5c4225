"""Write accounts, repositories, labels and milestones as JSON, the same in webhooks and in REST responses.

Shapes follow https://docs.github.com/en/webhooks/webhook-events-and-payloads; the tests check them against GitHub's own
schemas.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from simulator.github.model.accounts import IssueType, User
from simulator.github.model.host import RepositoryIdentity, Site
from simulator.github.model.labels_and_milestones import Label, Milestone

Json = dict[str, Any]


_USER_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}

_REPOSITORY_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


def moment(when: datetime | None) -> str | None:
    """Write a time as GitHub does: whole seconds, UTC, `Z`."""
    return None if when is None else when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def user_json(account: User, site: Site) -> Json:
    """Write an account."""
    url = f"{site.api}/users/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": account.node_id,
        "avatar_url": f"{site.web}/avatars/{account.id}?v=4",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{site.web}/{account.login}",
        **{name: url + path for name, path in _USER_LINKS.items()},
        "type": account.kind,
        "user_view_type": "public",
        "site_admin": False,
    }


def organization_json(account: User, site: Site) -> Json:
    """Write an organisation as webhooks carry it."""
    url = f"{site.api}/orgs/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": account.node_id,
        "url": url,
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events",
        "hooks_url": f"{url}/hooks",
        "issues_url": f"{url}/issues",
        "members_url": f"{url}/members{{/member}}",
        "public_members_url": f"{url}/public_members{{/member}}",
        "avatar_url": f"{site.web}/avatars/{account.id}?v=4",
        "description": "",
    }


def label_json(label: Label) -> Json:
    """Write a label."""
    return {
        "id": label.id,
        "node_id": label.node_id,
        "url": f"{repository_api_url(label.repository)}/labels/{label.name}",
        "name": label.name,
        "color": label.color,
        "default": False,
        "description": label.description,
    }


def milestone_json(milestone: Milestone, site: Site) -> Json:
    """Write a milestone."""
    url = f"{repository_api_url(milestone.repository)}/milestones/{milestone.number}"
    return {
        "url": url,
        "html_url": f"{milestone.repository.url}/milestone/{milestone.number}",
        "labels_url": f"{url}/labels",
        "id": milestone.id,
        "node_id": milestone.node_id,
        "number": milestone.number,
        "title": milestone.title,
        "description": milestone.description,
        "creator": user_json(milestone.creator, site),
        "open_issues": milestone.open_issues,
        "closed_issues": milestone.closed_issues,
        "state": "open" if milestone.closed is None else "closed",
        "created_at": moment(milestone.created),
        "updated_at": moment(milestone.updated),
        "due_on": moment(milestone.due),
        "closed_at": moment(milestone.closed),
    }


def issue_type_json(kind: IssueType) -> Json:
    """Write an issue type."""
    return {
        "id": kind.id,
        "node_id": kind.node_id,
        "name": kind.name,
        "description": None,
        "color": "blue",
        "created_at": moment(kind.created),
        "updated_at": moment(kind.created),
        "is_enabled": True,
    }


def repository_api_url(repository: RepositoryIdentity) -> str:
    """Return a repository's address in the REST API."""
    return f"{repository.hub.api_url}/repos/{repository.full_name}"


def repository_json(repository: RepositoryIdentity) -> Json:
    """Write a repository."""
    hub = repository.hub
    url = repository_api_url(repository)
    return {
        "id": repository.id,
        "node_id": repository.node_id,
        "name": repository.name,
        "full_name": repository.full_name,
        "private": True,
        "owner": user_json(repository.owner, hub.site),
        "html_url": repository.url,
        "description": None,
        "fork": False,
        "url": url,
        **{name: url + path for name, path in _REPOSITORY_LINKS.items()},
        "git_url": f"git://127.0.0.1/{repository.full_name}.git",
        "ssh_url": f"git@127.0.0.1:{repository.full_name}.git",
        "clone_url": f"{repository.url}.git",
        "svn_url": repository.url,
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "license": None,
        "created_at": moment(repository.created),
        "updated_at": moment(repository.created),
        "pushed_at": moment(repository.created),
        "size": 0,
        "default_branch": repository.default_branch,
        "open_issues": repository.open_issues,
        "open_issues_count": repository.open_issues,
        **dict.fromkeys(("forks", "forks_count", "stargazers_count", "watchers", "watchers_count"), 0),
        **dict.fromkeys(("has_issues", "has_projects", "has_downloads", "has_wiki"), True),
        **dict.fromkeys(("has_pages", "has_discussions", "disabled", "is_template"), False),
        "archived": repository.archived,
        "allow_forking": False,
        "web_commit_signoff_required": False,
        "topics": [],
        "visibility": "private",
        "custom_properties": {},
    }


def repository_details_json(repo: RepositoryIdentity) -> Json:
    """Write a repository as `GET /repos/{owner}/{repo}` gives it: the webhooks' shape and two counts."""
    return {**repository_json(repo), "network_count": 0, "subscribers_count": 0}
