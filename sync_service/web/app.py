"""Building the web application of a house: every route with its guard, every answer with its locks."""

from datetime import timedelta

from flask import Flask
from flask_openapi3 import OpenAPI
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from sync_service.doorbell import Ringer
from sync_service.web import (
    changes,
    deliveries,
    errors,
    guards,
    health,
    hooks,
    key_results,
    limits,
    locks,
    look,
    mailbox,
    objectives,
    rules,
    sign_in,
)
from sync_service.web.api import bearer, installing
from sync_service.web.house import put_house
from sync_service.wiring import House

SESSION_LIFE = timedelta(days=30)

PAGES = (
    objectives.blueprint,
    key_results.blueprint,
    rules.blueprint,
    deliveries.blueprint,
    mailbox.blueprint,
    sign_in.blueprint,
    changes.blueprint,
)

LARGEST_FORM = 1024 * 1024
"""Bytes in the largest body that pages and API take; hooks have a bound of their own."""


def create_app(house: House) -> Flask:
    """Give the WSGI application. One for each process: it starts a thread that rings for new deliveries."""
    app = OpenAPI(__name__, doc_ui=False, **installing.description())
    app.config.update(
        SECRET_KEY=house.sealer.derive("cookies"),
        SESSION_COOKIE_NAME="okr_sync",
        SESSION_COOKIE_SECURE=house.settings.base_url.startswith("https:"),
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=SESSION_LIFE,
        MAX_CONTENT_LENGTH=LARGEST_FORM,
        WTF_CSRF_TIME_LIMIT=None,
    )
    ringer = Ringer(house.doorbell)
    ringer.start()
    put_house(app, house, ringer)
    guards.install(app, bearer=bearer.caller)
    locks.install(app)
    look.install(app)
    errors.install(app)
    limits.limiter.init_app(app)
    csrf = CSRFProtect(app)
    csrf.exempt(hooks.blueprint)  # a tracker's signature takes the place of our token
    installing.install(app, csrf)
    for blueprint in (hooks.blueprint, health.blueprint, *PAGES):
        app.register_blueprint(blueprint)
    if house.settings.proxy_hops:
        hops = house.settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # as Flask's own documentation does
    return app
