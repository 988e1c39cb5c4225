"""Run the whole service for flow tests: `okr-sync up`, or web, worker and clock as separate processes."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from simulator.demo.service_process import Service, choose_port, command
from tests.support.wait_until import until

ANA = "ana@example.com"


@dataclass(frozen=True, slots=True)
class Running:
    """A running service as a client sees it: commands, and the API with a viewer's token."""

    service: Service
    token: str

    @property
    def address(self) -> str:
        """The service's URL."""
        return self.service.address

    def hook(self, connection: str) -> str:
        """Return the webhook URL of a connection."""
        return f"{self.address}/hooks/{connection}"

    def api(self, path: str) -> Any:
        """GET a path of the API."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = requests.get(f"{self.address}/api/v1{path}", headers=headers, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def deliveries(self) -> dict[str, Any]:
        """Return the newest five hundred deliveries by the tracker's delivery id."""
        return {one["delivery"]: one for one in self.api("/deliveries?limit=500")["items"]}

    def current(self, slug: str) -> float | None:
        """Return a key result's value."""
        found: float | None = self.api(f"/key-results/{slug}")["current"]
        return found

    def comes_to(self, slug: str, value: float, *, seconds: float = 60) -> None:
        """Wait until a key result has this value."""

        def has_value() -> bool:
            found = self.current(slug)
            return found is not None and abs(found - value) < 1e-5

        # The API allows ten calls a second, averaged over a minute.
        until(has_value, f"{slug} comes to {value:g}", seconds=seconds, every=0.15)

    def explain(self, slug: str) -> Any:
        """Run `okr-sync explain` for a key result."""
        return json.loads(self.service.run("explain", slug, "--json"))

    def sign_in_link(self) -> str:
        """Return a sign-in link for Ana."""
        return self.service.run("sign-in", ANA)


@contextmanager
def running(
    directory: Path, file: str, *, settings: Mapping[str, str] | None = None, parts: bool = False
) -> Iterator[Running]:
    """Start the service with an applied configuration file, and stop it; `parts` starts its processes one by one."""
    service = Service(directory=directory, port=choose_port(0), settings=settings or {})
    with ExitStack() as ending:
        service.run("migrate")
        service.apply("okrs.yaml", file)
        token = service.run("token", "create", "--name", "tests", "--role", "viewer")
        if parts:
            for arguments in (("web", "--port", str(service.port)), ("worker",), ("clock",)):
                ending.enter_context(_process(service, *arguments))
        else:
            ending.callback(service.stop)
            service.start(workers=1)
        service.wait_until_ready()
        yield Running(service, token)


@contextmanager
def _process(service: Service, *arguments: str) -> Iterator[None]:
    with service.log.open("ab") as log:
        process = subprocess.Popen(
            command(*arguments), cwd=service.directory, env=service.environment(), stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def left_in(directory: Path) -> dict[int, str]:
    """Return the command lines of running processes with a working directory in `directory`, by process id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cwd").readlink().is_relative_to(directory):
                    words = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(entry.name)] = words.decode(errors="replace")
            except OSError:  # it ended meanwhile, or belongs to another user
                continue
    return found
