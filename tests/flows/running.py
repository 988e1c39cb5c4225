"""The whole service on real parts for flow tests: `okr-sync up`, or web, worker and clock one by one."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from simulator.demo.service import Service, choose_port, command
from tests.waiting import until

ANA = "ana@example.com"


@dataclass(frozen=True, slots=True)
class Running:
    """A running service, seen from outside: its commands, its API with an admin's token, its log."""

    service: Service
    token: str

    @property
    def address(self) -> str:
        """Where it serves."""
        return self.service.address

    def hook(self, connection: str) -> str:
        """Return the address for a tracker's webhook."""
        return f"{self.address}/hooks/{connection}"

    def api(self, path: str) -> Any:
        """Ask the API."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = requests.get(f"{self.address}/api/v1{path}", headers=headers, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def deliveries(self) -> dict[str, Any]:
        """Return the newest five hundred deliveries by the tracker's id."""
        return {one["delivery"]: one for one in self.api("/deliveries?limit=500")["items"]}

    def current(self, slug: str) -> float | None:
        """Return a key result's value."""
        found: float | None = self.api(f"/key-results/{slug}")["current"]
        return found

    def comes_to(self, slug: str, value: float, *, seconds: float = 60) -> None:
        """Wait until a key result has this value."""

        def has_come() -> bool:
            found = self.current(slug)
            return found is not None and abs(found - value) < 1e-5

        # The API answers ten times a second and no more, over a minute.
        until(has_come, f"{slug} comes to {value:g}", seconds=seconds, every=0.15)

    def explain(self, slug: str) -> Any:
        """Ask the command line why a key result is where it is."""
        return json.loads(self.service.run("explain", slug, "--json"))

    def sign_in_link(self) -> str:
        """Return a link that signs Ana in."""
        return self.service.run("sign-in", ANA)


@contextmanager
def running(
    directory: Path, file: str, *, settings: Mapping[str, str] | None = None, parts: bool = False
) -> Iterator[Running]:
    """Start the service with a configuration file applied, and stop it; `parts` come one by one, as a Procfile's."""
    service = Service(directory=directory, port=choose_port(0), settings=settings or {})
    with ExitStack() as ending:
        service.run("migrate")
        service.apply("okrs.yaml", file)
        token = service.run("token", "create", "--name", "tests", "--role", "viewer")
        if parts:
            for words in (("web", "--port", str(service.port)), ("worker",), ("clock",)):
                ending.enter_context(_part(service, *words))
        else:
            ending.callback(service.stop)
            service.start(workers=1)
        service.wait_until_ready()
        yield Running(service, token)


@contextmanager
def _part(service: Service, *words: str) -> Iterator[None]:
    with service.log.open("ab") as log:
        process = subprocess.Popen(
            command(*words), cwd=service.directory, env=service.environment(), stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def left_in(directory: Path) -> dict[int, str]:
    """Return the command lines of running processes that work in a directory or below it, by process id."""
    found = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                if (place / "cwd").readlink().is_relative_to(directory):
                    words = (place / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(place.name)] = words.decode(errors="replace")
            except OSError:  # it ended meanwhile, or is not ours
                continue
    return found
