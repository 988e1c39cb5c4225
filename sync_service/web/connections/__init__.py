"""The connection pages: connect a tracker, choose scopes, create webhooks, edit and remove a connection."""

from sync_service.web.connections import app_registration, create_webhooks, edit, new, oauth, scopes, views

BLUEPRINTS = (
    views.blueprint,
    new.blueprint,
    app_registration.blueprint,
    oauth.blueprint,
    scopes.blueprint,
    create_webhooks.blueprint,
    edit.blueprint,
)
