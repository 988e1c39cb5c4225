"""Create an app from a manifest, and install it, by pages and one call.

https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import urlencode

from werkzeug.wrappers import Request, Response

from simulator.github.json.apps import app_json
from simulator.github.manifest import LIFETIME, Manifest, ManifestError, NewApp, parse_manifest
from simulator.github.model.accounts import User
from simulator.github.model.app import App
from simulator.github.rest.request.problems import problem
from simulator.github.rest.request.repository_routes import Views
from simulator.github.state import GitHubState
from simulator.html_pages import Form, error_page, form_page, not_found_page, page
from simulator.rest_server import View, json_response

_ALL = "all"
_NEW = ("/settings/apps/new", "/organizations/<org>/settings/apps/new")
_MADE = ("/settings/apps/manifest", "/organizations/<org>/settings/apps/manifest")
_INSTALL = "/apps/<slug>/installations/new"


def views(hub: GitHubState) -> Views:
    """Return the call that returns the credentials of a new app: once, within the hour."""

    def convert(_request: Request, code: str) -> Response:
        with hub.changing() as now:
            made = hub.manifest_codes.pop(code, None)
            if made is None or made.made + LIFETIME <= now:
                return problem(404)
            app = made.app
            secret = None if app.hook is None else app.hook.secret
            handed = {"client_secret": app.client_secret, "webhook_secret": secret, "pem": app.pem}
            return json_response({**app_json(app), **handed}, status=201)

    return {("POST", "/app-manifests/<code>/conversions"): convert}


def pages(hub: GitHubState) -> Mapping[str, View]:
    """Return the pages, by path."""

    def empty(_request: Request, org: str = "") -> Response:
        return page("Register new GitHub App", {"Owner": org, "How": "Send a manifest to this address"})

    def install(request: Request, slug: str) -> Response:
        with hub.reading():
            app = _app(hub, slug)
            if app is None:
                return not_found_page()
            repositories = {str(repo.id): repo.name for repo in hub.repositories if repo.owner == hub.owner}
            form = Form(
                action=request.full_path,
                button="Install",
                choose="repository_ids",
                choices={_ALL: "All repositories", **repositories},
            )
            return form_page(f"Install {app.name}", {"On": hub.owner.login, **app.permissions}, form)

    return {**dict.fromkeys(_NEW, empty), _INSTALL: install}


def forms(hub: GitHubState) -> Mapping[str, View]:
    """Return the form handlers, by path."""

    def confirm(request: Request, org: str = "") -> Response:
        """Show what the manifest requests, with one button."""
        manifest = _manifest(hub, request)
        if isinstance(manifest, Response):
            return manifest
        form = Form(
            action=f"{request.path.removesuffix('new')}manifest",
            button="Create GitHub App",
            hidden={"manifest": request.form["manifest"], "state": request.args.get("state", "")},
        )
        known = {"Owner": org or hub.actor.login, "Webhook": manifest.hook_url, **manifest.permissions}
        return form_page(f"Create GitHub App {manifest.name}", known, form)

    def create(request: Request, org: str = "") -> Response:
        with hub.changing() as now:
            manifest = _manifest(hub, request)
            if isinstance(manifest, Response):
                return manifest
            code = secrets.token_hex(20)
            owner = hub.user(org, kind="Organization") if org else hub.actor
            hub.manifest_codes[code] = NewApp(app=_create(hub, manifest, owner), made=now)
        query = {"code": code, "state": request.form.get("state", "")}
        return _to(manifest.redirect_url, {name: value for name, value in query.items() if value})

    def install(request: Request, slug: str) -> Response:
        chosen = request.form.getlist("repository_ids")
        with hub.changing():
            app = _app(hub, slug)
            if app is None:
                return not_found_page()
            repositories = [repo for repo in hub.repositories if str(repo.id) in chosen]
            if not chosen:
                return error_page(422, "Choose at least one repository")
            installation = app.install(None if _ALL in chosen else repositories)
        if not app.setup_url:
            return page(f"{app.name} is installed", {"Id": str(installation.id)})
        query = {"installation_id": str(installation.id), "setup_action": "install"}
        state = request.args.get("state")
        return _to(app.setup_url, {**query, **({"state": state} if state else {})})

    return {**dict.fromkeys(_NEW, confirm), **dict.fromkeys(_MADE, create), _INSTALL: install}


def _create(hub: GitHubState, manifest: Manifest, owner: User) -> App:
    return hub.create_app(
        manifest.name,
        permissions=manifest.permissions,
        events=manifest.events,
        owner=owner,
        hook_url=manifest.hook_url,
        hook_secret=secrets.token_hex(20),
        external_url=manifest.url,
        setup_url=manifest.setup_url,
        description=manifest.description,
    )


def _manifest(hub: GitHubState, request: Request) -> Manifest | Response:
    try:
        manifest = parse_manifest(request.form.get("manifest", ""))
    except ManifestError as error:
        return error_page(422, f"Invalid GitHub App configuration: {error}")
    if any(app.name == manifest.name for app in hub.apps):
        return error_page(422, "Invalid GitHub App configuration: Name has already been taken")
    return manifest


def _app(hub: GitHubState, slug: str) -> App | None:
    return next((app for app in hub.apps if app.slug == slug), None)


def _to(address: str, query: Mapping[str, str]) -> Response:
    joint = "&" if "?" in address else "?"
    return Response(status=302, headers={"Location": f"{address}{joint}{urlencode(query)}"})
