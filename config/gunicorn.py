"""The web server: gunicorn with a bounded asynchronous worker, a quick and orderly shutdown, and our own logging."""

import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.glogging import Logger

from config.settings import Settings

GRACE_SECONDS = 6  # seconds for running requests; the supervisor allows eight before it kills the process
SWITCH_SECONDS = 0.001
"""How long a busy thread may run while others wait for the interpreter, instead of Python's 5 ms.

Under load, the one thread that stores deliveries for all waits this long after each answer of the database.
"""

WORKER = "sync_service.web.server.worker.BoundedWorker"
"""Gunicorn imports it in the web process only."""

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # only for the heartbeat files of gunicorn's workers


class RoutedLogger(Logger):
    """Sends gunicorn's log lines where all our log lines go, instead of to its own handlers."""

    def setup(self, cfg: Config) -> None:
        """Let gunicorn set up, then make its two loggers propagate everything."""
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            logger.handlers.clear()
            logger.propagate = True
        self.error_log.setLevel(logging.INFO)


class WebServer(BaseApplication):
    """Gunicorn for one ASGI application, which each worker builds for itself after the fork."""

    def __init__(self, build: Callable[[], Any], options: Mapping[str, Any]) -> None:
        self.build = build
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        """Set our options; read neither the command line nor a configuration file of gunicorn."""
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Build the ASGI application."""
        sys.setswitchinterval(SWITCH_SECONDS)
        return self.build()


def gunicorn_options(settings: Settings, *, bound: int) -> dict[str, Any]:
    """Return gunicorn's settings by their own names (https://gunicorn.org/reference/settings/).

    `bound` is the descriptor of a bound socket: gunicorn's own IPv6 socket takes IPv4 only if the system is set so.

    The worker bounds what clients may hold; gunicorn's own asynchronous worker and its threads do not. The application
    runs in threads of its own.
    """
    return {
        "bind": [f"fd://{bound}"],
        "worker_class": WORKER,
        "workers": settings.web_workers,
        "timeout": 60,
        "graceful_timeout": GRACE_SECONDS,
        "keepalive": 5,
        # The application itself believes as many hops of X-Forwarded-For and X-Forwarded-Proto as are configured;
        # gunicorn would also take the path from headers like SCRIPT_NAME, and the scheme from others.
        "forwarded_allow_ips": "",
        "forwarder_headers": "",
        "secure_scheme_headers": {},
        # With the heartbeat file on a slow disk, gunicorn would kill healthy workers.
        "worker_tmp_dir": str(SHARED_MEMORY) if os.access(SHARED_MEMORY, os.W_OK) else None,
        # Its control socket, in the home directory, would be a second way to control it, without protection.
        "control_socket_disable": True,
        "asgi_loop": "asyncio",
        "asgi_lifespan": "off",
        "accesslog": None,
        "logger_class": RoutedLogger,
        "proc_name": "okr-sync web",
    }
