"""Build the site and its WSGI application: every route has a guard, every response has security headers.

There are two Flask applications behind it: a small one for webhooks, which must take a surge of deliveries, and one for
people and their programs, with the cost of sessions, forms and rate limits.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from flask import Flask
from flask_openapi3 import OpenAPI
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from sync_service.ingest.receive import LARGEST
from sync_service.runtime.wakeup import WakeupThread
from sync_service.runtime.wiring import Services
from sync_service.store.engine import versions
from sync_service.store.engine.database import reading
from sync_service.web import compression, connections, health
from sync_service.web import webhooks as hooks
from sync_service.web.api import bearer_auth, setup
from sync_service.web.cycles import carrying, closing, cycle_page
from sync_service.web.decisions import proposed_links
from sync_service.web.decisions import views as decisions
from sync_service.web.first_run import first_admin
from sync_service.web.home import home_page
from sync_service.web.limits import too_large
from sync_service.web.limits.nested_json import NestedJsonProvider
from sync_service.web.objectives import index, objective_page, team_page, write, write_hints
from sync_service.web.pages import (
    change_counter,
    check_ins,
    deliveries,
    key_results,
    mailbox,
    steps,
    template_globals,
)
from sync_service.web.people import audit_page
from sync_service.web.request import errors, guards, same_origin, security_headers, sign_in
from sync_service.web.request.base_path import BasePath
from sync_service.web.request.body_reader import BodyReader
from sync_service.web.request.context import attach_services
from sync_service.web.rules import editing, query_trials, views
from sync_service.web.search import search_page
from sync_service.web.server.change_answers import ChangeAnswers
from sync_service.web.server.site import Site
from sync_service.web.settings import lists as settings_lists
from sync_service.web.settings import write as settings_write

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SESSION_LIFETIME = timedelta(days=30)

PAGES = (
    home_page.blueprint,
    index.blueprint,
    objective_page.blueprint,
    team_page.blueprint,
    search_page.blueprint,
    cycle_page.blueprint,
    closing.blueprint,
    carrying.blueprint,
    write.blueprint,
    settings_lists.blueprint,
    settings_write.blueprint,
    settings_write.organisation,
    write_hints.blueprint,
    key_results.blueprint,
    check_ins.blueprint,
    steps.blueprint,
    decisions.blueprint,
    proposed_links.blueprint,
    views.blueprint,
    editing.blueprint,
    query_trials.blueprint,
    *connections.BLUEPRINTS,
    deliveries.blueprint,
    mailbox.blueprint,
    audit_page.blueprint,
    sign_in.blueprint,
    first_admin.blueprint,
    change_counter.blueprint,
)

LARGEST_FORM = 1024 * 1024
"""Bytes of the largest request body for pages and API; webhooks have their own limit."""


def create_site(services: Services) -> Site:
    """Return the ASGI application that a web process serves. Call it once per process."""
    base = services.settings.base_path
    paths = {b"/changes", f"{base}/changes".encode()}  # a proxy may remove the path of the base URL
    changes = ChangeAnswers(read=lambda: change_count(services), paths=paths, headers=security_headers.raw_headers())
    changes.start()
    return Site(
        create_app(services).wsgi_app,
        threads=services.settings.web_threads,
        limit=lambda path: body_limit(path.removeprefix(base)),
        proxy_hops=services.settings.proxy_hops,
        changes=changes,
    )


def body_limit(path: str) -> int:
    """Return the bytes of the largest body that an address takes, whether it has a route or not."""
    return LARGEST if path.startswith(hooks.PREFIX) else LARGEST_FORM


def change_count(services: Services) -> int:
    """Read the change counter."""
    with reading(services.engine) as tx:
        return versions.value(tx, versions.CHANGES)


def create_app(services: Services) -> Flask:
    """Return the WSGI application. Call it once per process: it starts a thread that wakes workers for new rows."""
    wakeup_thread = WakeupThread(services.wakeup)
    wakeup_thread.start()
    app = create_pages_app(services, wakeup_thread)
    dispatcher = WebhookDispatcher(create_webhook_app(services, wakeup_thread).wsgi_app, app.wsgi_app)
    path = services.settings.base_path
    app.wsgi_app = BasePath(dispatcher, path, taken=_is_taken(app, path))  # type: ignore[method-assign]  # as in Flask's documentation
    app.wsgi_app = BodyReader(app.wsgi_app)  # type: ignore[method-assign]  # as above
    if services.settings.proxy_hops:
        hops = services.settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # as above
    return app


def _is_taken(app: Flask, path: str) -> bool:
    """Return whether an address of the application begins like the path, as `/rules` does."""
    first = [rule.rule.split("/")[1] for rule in app.url_map.iter_rules()]
    return any(path.split("/")[1:2] == [one] for one in (*first, *hooks.PREFIX.split("/")))


class WebhookDispatcher:
    """Dispatch webhooks to one WSGI application and all other requests to another."""

    def __init__(self, webhooks: "WSGIApplication", people: "WSGIApplication") -> None:
        self._webhooks = webhooks
        self._people = people

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Handle a WSGI request."""
        app = self._webhooks if environ["PATH_INFO"].startswith(hooks.PREFIX) else self._people
        return app(environ, start_response)


def create_webhook_app(services: Services, wakeup_thread: WakeupThread) -> Flask:
    """Return the application that receives webhooks. It has no sessions or tokens: the webhook signature is checked."""
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # a redirect of Werkzeug's leads to the host that the request names
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_FORM  # the route of deliveries has its own limit
    attach_services(app, services, wakeup_thread)
    too_large.install(app, except_for="hooks.receive")
    guards.install(app)
    security_headers.install(app)
    errors.install(app)
    app.register_blueprint(hooks.blueprint)
    return app


def create_pages_app(services: Services, wakeup_thread: WakeupThread) -> Flask:
    """Return the application with pages, API and health."""
    app = OpenAPI(__name__, doc_ui=False, **setup.description(services.settings.base_path))
    app.url_map.merge_slashes = False  # as above
    app.config.update(
        SECRET_KEY=services.sealer.derive("cookies"),
        SESSION_COOKIE_NAME="okr_sync",
        SESSION_COOKIE_PATH=services.settings.base_path or "/",
        SESSION_COOKIE_SECURE=services.settings.base_url.startswith("https:"),
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=SESSION_LIFETIME,
        # Otherwise every response sends the cookie again, and a concurrent response overwrites a newer session.
        SESSION_REFRESH_EACH_REQUEST=False,
        MAX_CONTENT_LENGTH=LARGEST_FORM,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,  # it wants a Referer; `same_origin` also takes what browsers send in its place
    )
    attach_services(app, services, wakeup_thread)
    app.json = NestedJsonProvider(app)
    too_large.install(app)
    compression.install(app)
    first_admin.install(app)
    guards.install(app, bearer=bearer_auth.caller)
    security_headers.install(app)
    template_globals.install(app)
    errors.install(app)
    sign_in.limiter.init_app(app)
    csrf = CSRFProtect(app)
    same_origin.install(app)
    setup.install(app, csrf)
    for blueprint in (health.blueprint, *PAGES):
        app.register_blueprint(blueprint)
    return app
