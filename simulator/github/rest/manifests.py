"""How an app comes to be from a manifest, and how a person installs it.

https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from werkzeug.wrappers import Request, Response

from simulator.github.app_bodies import app_body
from simulator.github.manifest import LIFE, BadManifest, Manifest, NewApp, read_manifest
from simulator.github.rest.places import Views
from simulator.github.rest.problems import problem
from simulator.pages import Form, form_page, no_page, page, refusal_page
from simulator.rest import View, json_answer

if TYPE_CHECKING:
    from simulator.github.app import App
    from simulator.github.hub import GitHub
    from simulator.github.planning import User

_ALL = "all"
_NEW = ("/settings/apps/new", "/organizations/<org>/settings/apps/new")
_MADE = ("/settings/apps/manifest", "/organizations/<org>/settings/apps/manifest")
_INSTALL = "/apps/<slug>/installations/new"


def views(hub: GitHub) -> Views:
    """Give the call by which a new app is handed over: once, within the hour."""

    def convert(_request: Request, code: str) -> Response:
        with hub.changing() as now:
            made = hub.manifest_codes.pop(code, None)
            if made is None or made.made + LIFE <= now:
                return problem(404)
            app = made.app
            secret = None if app.hook is None else app.hook.secret
            handed = {"client_secret": app.client_secret, "webhook_secret": secret, "pem": app.pem}
            return json_answer({**app_body(app), **handed}, status=201)

    return {("POST", "/app-manifests/<code>/conversions"): convert}


def pages(hub: GitHub) -> Mapping[str, View]:
    """Give the pages, by path."""

    def empty(_request: Request, org: str = "") -> Response:
        return page("Register new GitHub App", {"Owner": org, "How": "Send a manifest to this address"})

    def install(request: Request, slug: str) -> Response:
        with hub.reading():
            app = _app(hub, slug)
            if app is None:
                return no_page()
            places = {str(place.id): place.name for place in hub.repositories if place.owner == hub.owner}
            form = Form(
                action=request.full_path,
                button="Install",
                choose="repository_ids",
                choices={_ALL: "All repositories", **places},
            )
            return form_page(f"Install {app.name}", {"On": hub.owner.login, **app.permissions}, form)

    return {**dict.fromkeys(_NEW, empty), _INSTALL: install}


def forms(hub: GitHub) -> Mapping[str, View]:
    """Give what answers the forms, by path."""

    def confirm(request: Request, org: str = "") -> Response:
        """Show what was asked for, with one button."""
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
                return no_page()
            places = [place for place in hub.repositories if str(place.id) in chosen]
            if not chosen:
                return refusal_page(422, "Choose at least one repository")
            installation = app.install(None if _ALL in chosen else places)
        if not app.setup_url:
            return page(f"{app.name} is installed", {"Id": str(installation.id)})
        query = {"installation_id": str(installation.id), "setup_action": "install"}
        state = request.args.get("state")
        return _to(app.setup_url, {**query, **({"state": state} if state else {})})

    return {**dict.fromkeys(_NEW, confirm), **dict.fromkeys(_MADE, create), _INSTALL: install}


def _create(hub: GitHub, manifest: Manifest, owner: User) -> App:
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


def _manifest(hub: GitHub, request: Request) -> Manifest | Response:
    try:
        manifest = read_manifest(request.form.get("manifest", ""))
    except BadManifest as error:
        return refusal_page(422, f"Invalid GitHub App configuration: {error}")
    if any(app.name == manifest.name for app in hub.apps):
        return refusal_page(422, "Invalid GitHub App configuration: Name has already been taken")
    return manifest


def _app(hub: GitHub, slug: str) -> App | None:
    return next((app for app in hub.apps if app.slug == slug), None)


def _to(address: str, query: Mapping[str, str]) -> Response:
    joint = "&" if "?" in address else "?"
    return Response(status=302, headers={"Location": f"{address}{joint}{urlencode(query)}"})
