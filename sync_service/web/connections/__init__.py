"""The pages about connections, each room with its part of the way from nothing to a webhook that is heard."""

from sync_service.web.connections import apps, edits, hooks, new, pages, scopes

BLUEPRINTS = (pages.blueprint, new.blueprint, apps.blueprint, scopes.blueprint, hooks.blueprint, edits.blueprint)
