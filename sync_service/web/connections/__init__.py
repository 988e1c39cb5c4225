"""The pages about connections, each room with its part of the way from nothing to a webhook that is heard."""

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
