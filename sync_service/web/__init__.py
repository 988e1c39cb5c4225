"""The only room with Flask: hooks, pages, API, health."""

from sync_service.web.app import create_app

__all__ = ["create_app"]
