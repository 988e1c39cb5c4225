"""The connection pages: connect a tracker, choose scopes, create webhooks, edit and remove a connection."""

from sync_service.web.connections import apps, consents, edits, hooks, new, pages, scopes

BLUEPRINTS = (
    pages.blueprint,
    new.blueprint,
    apps.blueprint,
    consents.blueprint,
    scopes.blueprint,
    hooks.blueprint,
    edits.blueprint,
)
