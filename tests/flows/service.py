"""Run the whole service for flow tests: `okr-sync up`, or its processes one by one, or all in this process."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

from config.settings import Settings, known_names
from simulator.demo.service_process import Service, choose_port, command
from sync_service.cli.output import explain_json
from sync_service.runtime import wiring
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.engine.migrate import migrate
from sync_service.store.people.auth import create_api_token
from sync_service.store.views.issues import issues_view
from sync_service.store.views.key_results import history_view, key_result_view
from tests.faults.oracle_check import furnish
from tests.faults.tracker_pair import receiving
from tests.support.example_okrs import sign_in_path
from tests.support.services import open_services
from tests.support.wait_until import until

ANA = "ana@example.com"
KEY = "k" * 40


@dataclass(frozen=True, slots=True)
class ServiceClient:
    """A running service as a client sees it: the API with a viewer's token."""

    address: str
    token: str

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

    def wait_for_value(self, slug: str, value: float, *, seconds: float = 60) -> None:
        """Wait until a key result has this value."""

        def has_value() -> bool:
            found = self.current(slug)
            return found is not None and abs(found - value) < 1e-5

        # The API allows ten calls a second, averaged over a minute.
        until(has_value, f"{slug} has the value {value:g}", seconds=seconds, every=0.15)

    def explain(self, slug: str) -> Any:
        """Return what `okr-sync explain --json` prints for a key result."""
        raise NotImplementedError

    def sign_in_link(self) -> str:
        """Return a sign-in link for Ana."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class RunningService(ServiceClient):
    """A service in its own processes; its commands can be run too."""

    service: Service

    def explain(self, slug: str) -> Any:
        """Run `okr-sync explain --json`, and return its output."""
        return json.loads(self.service.run("explain", slug, "--json"))

    def sign_in_link(self) -> str:
        """Create a sign-in link with a command."""
        return self.service.run("sign-in", ANA)


@dataclass(frozen=True, slots=True)
class InProcessService(ServiceClient):
    """A service in this process: the web application in a thread, and due rows drained whenever a test waits."""

    services: Services

    def current(self, slug: str) -> float | None:
        """Drain all tables and read the value."""
        self.services.drains.drain_everything()
        with reading(self.services.engine) as tx:
            found: float | None = tx.scalar(sa.select(tables.key_result.c.current).filter_by(slug=slug))
        return found

    def deliveries(self) -> dict[str, Any]:
        """Drain all tables and ask the API."""
        self.services.drains.drain_everything()
        return ServiceClient.deliveries(self)

    def explain(self, slug: str) -> Any:
        """Return what the command would print, without running it."""
        with reading(self.services.engine) as tx:
            view = key_result_view(tx, slug, self.services.now())
            assert view is not None
            return json.loads(
                json.dumps(explain_json(view, issues_view(tx, view.id), history_view(tx, view.id, limit=20)))
            )

    def sign_in_link(self) -> str:
        """Create a sign-in link for Ana."""
        with reading(self.services.engine) as tx:
            ana = tx.execute(sa.select(tables.person.c.id).filter_by(email=ANA)).scalar_one()
        return self.address + sign_in_path(self.services, ana)


@contextmanager
def in_this_process(database_url: str, directory: Path, file: str) -> Iterator[InProcessService]:
    """Open a service on a migrated database with an applied configuration file."""
    with open_services(database_url, directory) as services, receiving(services) as address:
        furnish(services, file.encode())
        services.connections.clear_cache()
        yield InProcessService(address, _token(services), services)


@contextmanager
def running(
    directory: Path,
    file: str,
    *,
    settings: Mapping[str, str] | None = None,
    separate_processes: bool = False,
    by_commands: bool = False,
) -> Iterator[RunningService]:
    """Start the service with an applied configuration file, and stop it at the end.

    With `separate_processes`, start web, worker and clock one by one.

    Migrate, apply the file and create the token in this process, or `by_commands` of `okr-sync`, which takes longer.
    """
    given = settings or {} if by_commands else {"OKR_SYNC_SECRET_KEY": KEY, **(settings or {})}
    service = Service(directory=directory, port=choose_port(0), settings=given)
    with ExitStack() as ending:
        token = _by_commands(service, file) if by_commands else _prepared(service, file)
        if separate_processes:
            for arguments in (("web", "--port", str(service.port)), ("worker",), ("clock",)):
                ending.enter_context(_process(service, *arguments))
        else:
            ending.callback(service.stop)
            service.start(workers=1)
        service.wait_until_ready()
        yield RunningService(service.address, token, service)


def _by_commands(service: Service, file: str) -> str:
    service.run("migrate")
    service.apply("okrs.yaml", file)
    return service.run("token", "create", "--name", "tests", "--role", "admin")


def _prepared(service: Service, file: str) -> str:
    environment = service.environment()
    known = {name: environment[name] for name in known_names() if name in environment}
    services = wiring.build(Settings.model_validate({"_env_file": None, **known}))
    migrate(services.engine)
    furnish(services, file.encode())
    token = _token(services)
    services.engine.dispose()
    services.redis.close()
    return token


def _token(services: Services) -> str:
    with writing(services.engine) as tx:
        return create_api_token(tx, name="tests", role="admin", now=services.now())


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


def processes_in(directory: Path) -> dict[int, str]:
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
