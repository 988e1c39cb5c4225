"""The web server: gunicorn with threads, a quick and orderly end, and our own logging."""

import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.glogging import Logger

from config.settings import Settings

GRACE = 6  # seconds for requests under way; the supervisor allows eight before it ends the process
SWITCH_SECONDS = 0.001
"""How long a busy thread may go on while others wait for the interpreter, in place of 5 ms: under load the one thread
that stores for all waits so after each answer of the database."""

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # gunicorn puts its workers' heartbeat there, nothing of ours


class RoutedLogger(Logger):
    """Gunicorn's log lines, sent where all our log lines go instead of to handlers of its own."""

    def setup(self, cfg: Config) -> None:
        """Let gunicorn set up, then let its two loggers pass everything on."""
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            logger.handlers.clear()
            logger.propagate = True
        self.error_log.setLevel(logging.INFO)


class WebServer(BaseApplication):
    """Gunicorn around one application, which each worker builds for itself after the fork."""

    def __init__(self, build: Callable[[], WSGIApplication], options: Mapping[str, Any]) -> None:
        self.build = build
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        """Take our options; neither the command line nor a file of gunicorn's own is read."""
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Build the WSGI application; gunicorn types it more narrowly than the standard library does."""
        sys.setswitchinterval(SWITCH_SECONDS)
        return self.build()


def gunicorn_options(settings: Settings, *, host: str, port: int) -> dict[str, Any]:
    """Return gunicorn's settings by their own names (https://gunicorn.org/reference/settings/).

    The size of a body is no business of gunicorn's: the application answers 413.
    """
    return {
        "bind": [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"],
        "worker_class": "gthread",
        "workers": settings.web_workers,
        "threads": settings.web_threads,
        "timeout": 60,
        "graceful_timeout": GRACE,
        "keepalive": 5,
        # Whom to believe X-Forwarded-Proto: with a proxy in front everything comes through it, else nobody.
        "forwarded_allow_ips": "*" if settings.proxy_hops else "",
        # A heartbeat on a slow disk gets a healthy worker killed.
        "worker_tmp_dir": str(SHARED_MEMORY) if os.access(SHARED_MEMORY, os.W_OK) else None,
        # Its control socket would be a second, unguarded door in the home directory.
        "control_socket_disable": True,
        "accesslog": None,
        "logger_class": RoutedLogger,
        "proc_name": "okr-sync web",
    }
