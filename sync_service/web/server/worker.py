"""The worker of gunicorn that serves the site: its connections are bounded, and a stop waits for running requests."""

import asyncio
import os
import resource

from gunicorn.workers.gasgi import ASGIWorker

from sync_service.web.server.open_connections import OpenConnections
from sync_service.web.server.protocol import BoundedProtocol

MOST_CONNECTIONS = 1_000
OTHER_FILES = 100
"""Open files that are no connections of clients: the database, Redis, log, modules."""

HEARTBEAT_SECONDS = 0.25


class BoundedWorker(ASGIWorker):
    """Serves an ASGI application; one process."""

    def init_process(self) -> None:
        """Allow enough open files, then serve until the end."""
        self.connections = OpenConnections(allow_connections(MOST_CONNECTIONS))
        super().init_process()

    async def _serve(self) -> None:
        for listener in self.sockets:
            server = await self.loop.create_server(
                lambda: BoundedProtocol(self, self.connections), sock=listener.sock, backlog=self.cfg.backlog
            )
            self.servers.append(server)
        while self.alive and self.ppid == os.getppid():
            self.notify()
            await asyncio.sleep(HEARTBEAT_SECONDS)
        await self._stop()

    async def _stop(self) -> None:
        """Accept no more connections, close the idle ones, and wait for the others."""
        for server in self.servers:
            server.close()
        deadline = self.loop.time() + self.cfg.graceful_timeout
        while self.connections and self.loop.time() < deadline and not self._quick_shutdown:
            self.connections.abort_idle()
            self.notify()
            await asyncio.sleep(0.05)


def allow_connections(wanted: int) -> int:
    """Allow this process as many open files as connections need; return how many connections it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + OTHER_FILES
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(wanted, soft - OTHER_FILES))
