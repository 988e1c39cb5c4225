"""Write apps and installations as JSON (https://docs.github.com/en/rest/apps/apps)."""

from __future__ import annotations

from simulator.github.json.common import Json, moment, user_json
from simulator.github.model.app import App, Installation
from simulator.github.model.host import RepositoryIdentity


def app_json(app: App) -> Json:
    """Write an app."""
    site = app.hub.url
    return {
        "id": app.id,
        "slug": app.slug,
        "client_id": app.client_id,
        "node_id": app.node_id,
        "owner": user_json(app.owner, app.hub.site),
        "name": app.name,
        "description": app.description,
        "external_url": app.external_url or site,
        "html_url": app.url,
        "created_at": moment(app.created),
        "updated_at": moment(app.created),
        "permissions": dict(app.permissions),
        "events": list(app.events),
    }


def installation_json(installation: Installation) -> Json:
    """Write an installation."""
    app, account = installation.app, installation.account
    hub = app.hub
    by = installation.suspended_by
    settings = f"organizations/{account.login}/settings" if account.kind == "Organization" else "settings"
    return {
        "id": installation.id,
        "client_id": app.client_id,
        "account": user_json(account, hub.site),
        "repository_selection": installation.selection,
        "access_tokens_url": f"{hub.api_url}/app/installations/{installation.id}/access_tokens",
        "repositories_url": f"{hub.api_url}/installation/repositories",
        "html_url": f"{hub.url}/{settings}/installations/{installation.id}",
        "app_id": app.id,
        "app_slug": app.slug,
        "target_id": account.id,
        "target_type": account.kind,
        "permissions": dict(installation.permissions),
        "events": list(installation.events),
        "created_at": moment(installation.created),
        "updated_at": moment(installation.updated),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None if by is None else user_json(by, hub.site),
        "suspended_at": moment(installation.suspended),
    }


def short_repository_json(repo: RepositoryIdentity) -> Json:
    """Write a repository as webhooks about installations show it."""
    return {
        "id": repo.id,
        "node_id": repo.node_id,
        "name": repo.name,
        "full_name": repo.full_name,
        "private": True,
    }
