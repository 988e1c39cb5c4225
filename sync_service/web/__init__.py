"""The Flask web application: webhooks, pages, REST API, health. Nothing outside this package uses Flask."""

from sync_service.web.app import create_app

__all__ = ["create_app"]
