"""Which room may import which: the arrows of docs/architecture.md, checked on every import.

A room is a folder, or one module with an entry of its own. Imports only go downwards.
"""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest

from sync_service.cli.main import COMMAND_MODULES
from tests.meta.import_graph import ROOT, Graph, circles, import_graph, imports, modules

OURS = ("sync_service", "connectors", "config", "simulator", "bench", "tools")

DOMAIN: Mapping[str, str] = {
    "domain.text": "",
    "domain.listing": "",
    "domain.durations": "",
    "domain.search": "domain.text",
    "domain.trackers": "domain.durations domain.text",
    "domain.rules": "domain.trackers domain.text",
    "domain.measures": "domain.rules domain.trackers domain.durations domain.text",
    "domain.forecasts": "domain.measures domain.trackers domain.text",
    "domain.cycles": "domain.measures domain.rules domain.trackers domain.durations domain.text",
    # A notice is about a change of status.
    "domain.people": "domain.measures domain.trackers domain.text",
    "domain.okrs": "domain.text",
}

STORE: Mapping[str, str] = {
    "store.tables": "domain.durations",
    "store.engine": "store.tables",
    "store.migrations": "store.engine store.tables",
    "store.queue": "store.engine store.tables domain",
    "store.trackers": "store.queue store.engine store.tables domain",
    "store.okrs": "store.trackers store.queue store.engine store.tables domain",
    "store.cycles": "store.okrs store.trackers store.queue store.engine store.tables domain",
    "store.people": "store.trackers store.queue store.engine store.tables domain",
    # A poll requests to compute key results, and a note depends on links.
    "store.jobs": "store.cycles store.okrs store.trackers store.queue store.engine store.tables domain",
    "store.views": "store domain",
}

SERVICE: Mapping[str, str] = {
    "notify": "store domain",
    "progress": "store domain",
    "ingest": "progress store domain",
    "tracker_sync": "ingest progress store domain",
    "write_back": "tracker_sync progress store domain",
    "config_file.read": "store domain",
    # A file's calendars are built to check them.
    "config_file.plan": "config_file.read progress store domain",
    "config_file.preview": "config_file.plan config_file.read progress store domain",
    "config_file.edit": "config_file.plan config_file.read store domain",
    "runtime": "write_back tracker_sync ingest progress notify store domain connectors config",
}

WEB: Mapping[str, str] = {
    # The web server itself, which knows nothing of Flask.
    "web.server": "",
    "web.limits": "web.server",
    "web.request": "web.limits web.server runtime store domain",
    # The page of a key result shows its line, and checks in.
    "web.pages": "web.request progress store domain",
    "web.decisions": "web.pages web.request progress store domain",
    # The form of a rule previews what an edit would change.
    # Objectives and key results are written as a file is applied, with a preview.
    "web.forms": "config_file domain",
    "web.objectives": "web.forms web.pages web.request progress config_file store domain",
    # The end of a cycle: what is carried over is applied as a file is.
    "web.cycles": "web.objectives web.pages web.request progress config_file store domain",
    "web.settings": "web.forms web.pages web.request config_file store domain",
    "web.home": "web.objectives web.pages web.request store domain",
    "web.search.result_pages": "store",
    "web.search": "web.search.result_pages web.pages web.request store domain",
    "web.rules": "web.pages web.request progress store domain",
    "web.connections": "web.request runtime config_file store domain",
    "web.first_run": "web.request config_file store domain",
    # The JSON of views. The command line prints it too, so it imports no Flask.
    "web.api.models": "store domain",
    "web.api.forecasts.issue_models": "web.api.models progress store domain",
    "web.api.forecasts.models": "web.api.models progress store domain",
    # A cycle is carried over as a file is applied.
    "web.api": (
        "web.api.forecasts.issue_models web.api.forecasts.models web.api.models web.search.result_pages web.request "
        "progress config_file store domain"
    ),
    # The app, its health and its webhooks.
    "web": (
        "web.home web.search web.settings web.cycles web.objectives web.forms web.decisions web.pages web.rules "
        "web.connections web.first_run web.api web.request web.limits web.server runtime ingest store domain"
    ),
}

CLI: Mapping[str, str] = {
    "cli.output": "web.api.forecasts.models web.api.models runtime progress store domain",
    "cli.startup": "runtime store config",
    # It tries the mail server.
    "cli.doctor": "cli.output cli.startup runtime notify config_file store domain config",
    # `main` and the commands. `okr-sync web` serves the web application.
    "cli": "cli.doctor cli.output cli.startup web runtime config_file progress store domain config",
}

SHARED = (
    "connectors.http connectors.responses connectors.webhook connectors.json_fields connectors.markdown"
    " connectors.paging connectors.number_values connectors.time_limit"
    " connectors.field_values"
)


def connector(name: str, *, without: Collection[str] = ()) -> Mapping[str, str]:
    """Return the arrows inside a connector: the rooms of every connector have the same names."""
    inside = {
        "api": "",
        "model": "api",
        "issues": "model api",
        "write_back": "issues model api",
        "query": "issues model api",
        # Parsing a delivery makes no call.
        "webhook": "write_back issues model",
        "redelivery": "webhook api",
        "setup": "api",
        "doctor": "setup write_back webhook model api",
    }
    rooms = {
        f"connectors.{name}.{room}": " ".join(
            (*(f"connectors.{name}.{one}" for one in below.split()), SHARED, "domain")
        )
        for room, below in inside.items()
        if room not in without
    }
    return {**rooms, f"connectors.{name}": " ".join((*rooms, SHARED, "domain"))}


CONNECTORS: Mapping[str, str] = {
    "connectors.json_fields": "domain",
    "connectors.markdown": "",
    "connectors.paging": "connectors.json_fields domain",
    "connectors.number_values": "connectors.json_fields",
    "connectors.field_values": "connectors.number_values connectors.json_fields domain",
    "connectors.webhook": "connectors.json_fields domain",
    "connectors.responses": "connectors.webhook connectors.json_fields domain",
    "connectors.proxies": "connectors.responses domain",
    "connectors.http": "connectors.proxies connectors.responses connectors.webhook connectors.json_fields domain",
    "connectors.time_limit": "connectors.http connectors.responses domain",
    **connector("github"),
    # Jira keeps no list of failed deliveries.
    **connector("jira", without=["redelivery"]),
    "connectors.registry": "connectors.github connectors.jira domain",
    "connectors": "",
}

OTHERS: Mapping[str, str] = {
    # Which address a mail can be sent from.
    "config": "domain",
    # It imitates the trackers, so it knows nothing of the code that it tests.
    "simulator": "simulator.clock simulator.http_server",
    "simulator.clock": "",
    "simulator.http_server": "",
    # The demo runs OKR Sync at a time in the past.
    "simulator.demo.past_service": "simulator.clock simulator.http_server web config_file runtime store config",
    "simulator.demo": "simulator.demo.past_service simulator.clock simulator.http_server simulator",
    "tools": "",
    # The benchmarks' own small application runs under our server.
    "bench": "simulator web.server runtime ingest progress config_file store domain config",
}

ARROWS: Mapping[str, frozenset[str]] = {
    room: frozenset(below.split())
    for table in (DOMAIN, STORE, SERVICE, WEB, CLI, CONNECTORS, OTHERS)
    for room, below in table.items()
}
"""Room → the rooms that it may import from. `store` stands for all rooms below `store`."""

MOST_MODULES = 12
"""Modules in a folder, besides `__init__`."""

LARGER_FOLDERS: Mapping[str, str] = {
    "bench": "one module for each thing that is measured",
    "simulator/demo": "one program with one duty for each module; nothing else imports them",
    "simulator/github/model": "one module for each kind of object that GitHub has",
    "sync_service/domain/measures": "one module for each step from issues to a status",
    "sync_service/store/okrs": "values, rules and the queries of rules, one module for each table",
    "sync_service/store/trackers": "one module for each thing that is stored of a tracker",
}
"""Folders with more modules, and why."""


def room(module: str) -> str:
    """Return the room of a module: the longest entry of the table that it is, or is in."""
    name = module.removeprefix("sync_service.")
    while name not in ARROWS and "." in name:
        name = name.rpartition(".")[0]
    return name


def allowed(importer: str, imported: str) -> bool:
    """Return whether a module may import another one of ours."""
    one, other = room(importer), room(imported)
    if one == other or imported == "sync_service":  # the version alone
        return True
    return any(other == below or other.startswith(f"{below}.") for below in ARROWS.get(one, ()))


def room_graph(graph: Graph) -> Graph:
    """Return which rooms the modules of each room import."""
    found: dict[str, set[str]] = defaultdict(set)
    for importer, others in graph.items():
        found[room(importer)] |= {room(one) for one in others} - {room(importer)}
    return {name: frozenset(others) for name, others in found.items()}


def test_every_module_is_in_a_room() -> None:
    """A new folder needs its arrows in the table."""
    packages = ("sync_service", "sync_service.domain", "sync_service.store", "sync_service.config_file")
    assert [name for name in modules(*OURS) if room(name) not in ARROWS and name not in packages] == []


def test_every_room_has_modules() -> None:
    """An entry without modules is out of date."""
    found = {room(name) for name in modules(*OURS)}
    assert [name for name in ARROWS if name not in found] == []


@pytest.mark.slow
def test_every_import_goes_downwards() -> None:
    """From room to room as the table says: never upwards, and never from one connector to another."""
    graph = import_graph(modules(*OURS))
    wrong = [
        f"{importer} imports {imported}"
        for importer, others in graph.items()
        for imported in sorted(others)
        if not allowed(importer, imported)
    ]
    assert wrong == []


@pytest.mark.slow
def test_no_module_imports_the_tests() -> None:
    """Tests import the code, not the other way round; benchmarks start the same real servers as the tests."""
    users = [name for name, file in modules(*OURS).items() if any(_top(one) == "tests" for one in imports(file))]
    assert {_top(name) for name in users} <= {"bench"}


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Also not under `TYPE_CHECKING` and not inside functions."""
    assert circles(import_graph(modules(*OURS))) == []


def test_no_rooms_import_each_other_in_a_circle() -> None:
    """The table itself has none either."""
    assert circles(room_graph(import_graph(modules(*OURS)))) == []
    assert circles({one: frozenset(_rooms_below(one)) - {one} for one in ARROWS}) == []


def _rooms_below(one: str) -> Iterator[str]:
    for other in ARROWS:
        if any(other == below or other.startswith(f"{below}.") for below in ARROWS[one]):
            yield other


def test_circles_are_found() -> None:
    """Each strongly connected component once, and nothing else."""
    graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": {"d"}, "f": {"a", "e"}, "g": set()}
    assert circles({name: frozenset(others) for name, others in graph.items()}) == [["d", "e"], ["a", "b", "c"]]


def test_the_core_knows_only_the_standard_library() -> None:
    """No clock of its own either: `now` is passed in."""
    for importer, file in modules("sync_service/domain").items():
        others = {_top(name) for name in imports(file)} - {"sync_service"}
        assert others <= sys.stdlib_module_names, importer
        text = file.read_text(encoding="utf-8")
        assert ".now(" not in text, importer
        assert "time()" not in text, importer


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("flask", {"web"}),
        ("sqlalchemy", None),
        ("requests", {"connectors.http", "connectors.proxies", "cli.plan.server"}),
        ("markdown_it", {"connectors.markdown"}),
    ],
)
def test_a_library_stays_in_its_room(library: str, rooms: set[str] | None) -> None:
    """Flask in the web, HTTP calls with their proxies, and CommonMark, and no connector uses the database."""
    users = [name for name, file in modules(*OURS).items() if any(_top(one) == library for one in imports(file))]
    found = {name.removeprefix("sync_service.") for name in users}
    if rooms is None:
        found -= {"simulator.demo.past_service"}  # it gives the database the demo's clock
        assert not {one for one in found if _top(one) in ("connectors", "domain", "config", "simulator")}
    else:
        inside = {one for one in found if _top(one) not in ("simulator", "bench")}
        assert {one if one in rooms else _top(one) for one in inside} == rooms


@pytest.mark.slow
def test_only_the_command_web_loads_flask() -> None:
    """Workers and the other commands need no web framework in memory, also where they print the API's JSON."""
    names = sorted({f"sync_service.cli.{one}" for one in COMMAND_MODULES.values()} - {"sync_service.cli.serve_command"})
    code = f"import {', '.join(names)}, sys; print('flask' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, cwd=ROOT)
    assert run.stdout == "False\n"


def test_no_module_grows_past_three_hundred_lines() -> None:
    """A longer one has two duties."""
    long = [
        name
        for name, file in modules(*OURS).items()
        if "migrations.versions" not in name and len(file.read_text(encoding="utf-8").splitlines()) > 300
    ]
    assert long == []


def test_a_folder_has_at_most_a_dozen_modules() -> None:
    """A larger one has its reason in the table above, and an entry that is not needed is removed."""
    sizes: dict[str, int] = defaultdict(int)
    for file in modules(*OURS).values():
        if file.name != "__init__.py" and "migrations/versions" not in str(file):
            sizes[str(file.parent.relative_to(ROOT))] += 1
    assert {name for name, size in sizes.items() if size > MOST_MODULES} == set(LARGER_FOLDERS)


def test_modules_are_named_for_things() -> None:
    """Fewer than 5 % of the names end in "ing"."""
    names = [name.rpartition(".")[2] for name in modules(*OURS)]
    assert len([name for name in names if name.endswith("ing")]) < 0.05 * len(names)


@pytest.mark.slow
def test_every_module_says_its_duty_in_its_first_line() -> None:
    """One line that is whole: it ends as a sentence, or before a blank line."""
    wrong = []
    for name, file in modules(*OURS).items():
        docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")), clean=False)
        first, _, rest = (docstring or "").partition("\n")
        if not first.strip() or (rest and rest.partition("\n")[0].strip()):
            wrong.append(name)
    assert wrong == []


def _top(dotted: str) -> str:
    return dotted.partition(".")[0]


RETIRED_NAMES = frozenset(
    [
        "letter",
        "look",
        "looked",
        "looking",
        "told",
        "said",
        "heard",
        "house",
        "book",
        "shelf",
        "ledger",
        "errand",
        "judge",
        "judged",
        "part",
        "turn",
        "standing",
        "place",
        "town",
        "lane",
        "doorbell",
        "forgery",
        "breaking",
        "keyring",
        "manner",
        "afresh",
    ]
)
"""Private words that ADR 24 retired; they are no part of the name of a module, class or function."""

RETIRED_EVERYWHERE = RETIRED_NAMES - {"look", "looked", "looking", "part", "turn", "place", "breaking"}
"""Those of them that are no part of a variable's, parameter's or attribute's name either; the rest are common words."""


CONTRACT_NAMES = frozenset({"Part", "PartKind"})
"""Names that are words of the contract: history entries have `parts`."""


@pytest.mark.slow
def test_no_name_has_a_retired_word() -> None:
    """Whoever greps for the field's word must find the one place that does it."""
    wrong = [
        f"{module}: {name}"
        for module, file in modules(*OURS).items()
        if ".versions." not in module
        for name, retired in _names(module, file)
        if name not in CONTRACT_NAMES
        and set(re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)) & (retired | {word.title() for word in retired})
    ]
    assert wrong == []


def _names(module: str, file: Path) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each name that a module gives, with the words that it must not have."""
    yield module, RETIRED_NAMES
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name, RETIRED_NAMES
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name, RETIRED_EVERYWHERE
