"""The documents agree with the code: settings, commands, events, paths, names, links and examples."""

import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote

import click
import pytest
import yaml

from config.settings import known_names
from connectors.github.setup.onboarding import EVENTS as GITHUB_EVENTS
from connectors.github.webhook.events import EVENT_RULES as GITHUB
from connectors.jira.model.snapshots import DROPPED_RESOLUTIONS
from connectors.jira.setup.onboarding import EVENTS as JIRA_EVENTS
from connectors.jira.webhook.events import EVENT_RULES as JIRA
from connectors.registry import load_connectors
from connectors.webhook import EventRules
from sync_service.cli import main
from sync_service.config_file.read.field_types import Form
from sync_service.config_file.read.models import SECTIONS, KeyResult, connection_models
from sync_service.domain.measures.settings import SETTINGS, parse_measure
from sync_service.domain.measures.status import STATUS_TEXT
from sync_service.domain.rules.conditions import FIELDS, compile_condition
from sync_service.store.queue.due import TABLES
from tests.meta.import_graph import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
YAML = re.compile(r"^```yaml\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)


def page(name: str) -> str:
    """Read a page under docs/."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def between(name: str, mark: str) -> str:
    """Return the text between `<!-- mark -->` and `<!-- end -->` on a page."""
    return page(name).split(f"<!-- {mark} -->\n")[1].split("<!-- end -->")[0]


def table_of(event_rules: EventRules) -> str:
    """Return event rules as a Markdown table: one line for all events with the same rule, in the code's order."""
    alike: dict[tuple[bool, str], list[str]] = {}
    for name, one in event_rules.items():
        alike.setdefault((one.parse is not None, one.description), []).append(f"`{name}`")
    lines = ["| event | used | what follows |", "|---|---|---|"]
    for (used, says), names in alike.items():
        lines.append(
            f"| {', '.join(names)} | {'yes' if used else 'no'} | {'' if used else 'ignored, because '}{says} |"
        )
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("kind", "event_rules"), [("github", GITHUB), ("jira", JIRA)])
def test_the_table_of_events_is_that_of_the_connector(kind: str, event_rules: EventRules) -> None:
    """Paste the expected text between the marks where it differs."""
    assert between(f"connecting-{kind}.md", f"events: {kind}") == table_of(event_rules)


JIRA_BOXES = [box.partition(": ")[2] for box in JIRA_EVENTS]
"""The page names the part of the form, Issue or Comment, once for each."""


@pytest.mark.parametrize(("kind", "words"), [("github", GITHUB_EVENTS.values()), ("jira", JIRA_BOXES)])
def test_the_events_to_tick_are_those_of_the_connector(kind: str, words: Iterable[str]) -> None:
    """In the row of the webhook's form; the page of a connection shows the connector's own list."""
    (row,) = re.findall(r"^\| Events \| (.*) \|$", page(f"connecting-{kind}.md"), re.MULTILINE)
    ticked = re.findall(r"\*\*([^*]+)\*\*", row)
    assert ticked[: len(list(words))] == list(words)


def test_the_dropped_resolutions_are_those_of_the_connector() -> None:
    """The default list, in the code's order."""
    assert between("connecting-jira.md", "dropped resolutions") == ", ".join(DROPPED_RESOLUTIONS) + ".\n"


def test_every_setting_is_documented_and_none_is_invented() -> None:
    """In the table of settings, each once."""
    described = re.findall(r"^\| `([A-Z_]+)` \|", page("configuration.md"), re.MULTILINE)
    assert sorted(described) == sorted(known_names())


def test_no_page_names_a_setting_that_is_not_there() -> None:
    """Anything that begins like one of ours."""
    named = {name for file in PAGES for name in re.findall(r"\bOKR_SYNC_[A-Z_]*[A-Z]", file.read_text("utf-8"))}
    assert named <= known_names()


def commands(group: click.Group, before: str = "") -> Iterator[str]:
    """Yield the name of every command of a group, also those of its groups."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}"


@pytest.mark.slow
def test_every_command_is_documented_and_none_is_invented() -> None:
    """As `okr-sync NAME`."""
    known = set(commands(main))
    text = "\n".join(file.read_text(encoding="utf-8") for file in PAGES)
    assert {name for name in known if f"okr-sync {name}" not in text} == set()
    named = set(re.findall(r"(?:`|^)(?:\.venv/bin/)?okr-sync ([a-z-]+)", text, re.MULTILINE))
    assert named - {name.split(" ")[0] for name in known} == set()


@pytest.mark.parametrize("section", [*SECTIONS, "key_results"])
def test_every_field_of_the_file_is_documented(section: str) -> None:
    """Under the heading of its section."""
    text = page("configuration.md").split(f"\n### {section}")[1].split("\n### ")[0]
    forms: list[type[Form]] = [KeyResult if section == "key_results" else SECTIONS[section]]
    if section == "connections":
        forms += connection_models(load_connectors().values()).values()
    missing = {name for form in forms for name in form.model_fields if f"`{name}`" not in text}
    assert missing == set()


def test_every_field_and_operator_of_rules_is_documented() -> None:
    """One line for each field, with exactly its operators."""
    lines = re.findall(r"^\| `([a-z]+)` \| .* \| ((?:`[a-z]+` ?)+)\|$", page("rules.md"), re.MULTILINE)
    assert {field: tuple(re.findall(r"[a-z]+", operators)) for field, operators in lines} == dict(FIELDS)


def test_every_measure_status_and_table_of_rows_is_documented() -> None:
    """By name."""
    measures, architecture = page("measures.md"), page("architecture.md")
    assert {kind for kind in SETTINGS if f"| `{kind}` |" not in measures} == set()
    assert {word for word in STATUS_TEXT.values() if f"| {word} |" not in measures} == set()
    assert {name for name in TABLES if f"`{name}`" not in architecture} == set()


def test_every_example_of_a_condition_and_a_measure_can_be_used() -> None:
    """Every piece of YAML on every page is read, and what is a condition or a measure is compiled."""
    found = 0
    for file in PAGES:
        for example in YAML.finditer(file.read_text(encoding="utf-8")):
            found += check(yaml.safe_load(example["text"]))
    assert found >= 2


def check(written: object) -> int:
    """Compile the conditions and measures in an example; return how many there were."""
    if isinstance(written, list):
        return sum(check(one) for one in written)
    if not isinstance(written, dict):
        return 0
    found = sum(check(one) for name, one in written.items() if name not in ("when", "measure"))
    if "when" in written:
        compile_condition(written["when"])
        found += 1
    if "measure" in written:
        parse_measure(written["measure"])
        found += 1
    return found


def anchors(file: Path) -> set[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    text = FENCED.sub("", file.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links() -> Iterator[tuple[Path, str]]:
    """Yield every relative link of every page, outside code."""
    for file in PAGES:
        for found in LINK.finditer(FENCED.sub("", file.read_text(encoding="utf-8"))):
            if "://" not in found["target"]:
                yield file, found["target"]


def test_every_link_leads_somewhere() -> None:
    """To a file of the repository, and to a heading where it names one."""
    broken = []
    for file, target in links():
        path, _, anchor = unquote(target).partition("#")
        goal = (file.parent / path).resolve() if path else file
        if not goal.exists() or (anchor and anchor not in anchors(goal)):
            broken.append(f"{file.relative_to(ROOT)}: {target}")
    assert broken == []


def located(path: str) -> Path | None:
    """Return the file or folder that a page names, below sync_service/ or at the top; None when there is none."""
    return next((found for found in (ROOT / "sync_service" / path, ROOT / path) if found.exists()), None)


@pytest.mark.parametrize("name", ["architecture.md", "hazards.md"])
def test_every_module_named_on_the_page_exists(name: str) -> None:
    """As `name.py` or a path to it, below sync_service/ or at the top."""
    named = set(re.findall(r"`([a-z0-9_/]+\.py)`", page(name)))
    assert named
    assert {path for path in named if located(path) is None} == set()


def test_every_path_to_a_module_exists() -> None:
    """On any page: what is in code and has a folder."""
    named = {
        (file.name, path)
        for file in PAGES
        for path in re.findall(r"`([a-z0-9_]+/[a-z0-9_/]+\.py)`", file.read_text(encoding="utf-8"))
    }
    assert len(named) > 100
    assert {(name, path) for name, path in named if located(path) is None} == set()


def test_every_test_named_beside_a_promise_exists() -> None:
    """As a path below tests/, or by its own name."""
    text = page("reliability.md")
    paths = set(re.findall(r"`(tests/[a-z_/]+\.py)`", text))
    code = "\n".join((ROOT / path).read_text(encoding="utf-8") for path in paths)
    assert len(paths) >= 20
    assert {name for name in re.findall(r"`(test_[a-z_]+)`", text) if f"def {name}(" not in code} == set()


def test_the_architecture_fits_in_1500_words() -> None:
    """The picture counts too."""
    assert len(page("architecture.md").split()) <= 1500


PLACES = re.findall(r"^\| (?!where is|---)([^|]+) \| ([^|]+) \|(.*)\|$", page("reading-the-code.md"), re.MULTILINE)


def test_reading_the_code_answers_many_questions() -> None:
    """Each question once."""
    questions = [question for question, *_ in PLACES]
    assert len(questions) == len(set(questions)) >= 20


@pytest.mark.parametrize(("question", "modules", "names"), PLACES, ids=[question for question, *_ in PLACES])
def test_every_place_in_reading_the_code_exists(question: str, modules: str, names: str) -> None:
    """Each path is there, each name is defined in one of the modules beside it, and each module has such a name."""
    found = {path: located(path) for path in re.findall(r"`([^`]+)`", modules)}
    assert found, question
    assert [path for path, file in found.items() if file is None] == []
    defined = {path: definitions(file) for path, file in found.items() if file and file.suffix == ".py"}
    named = set(re.findall(r"`([^`]+)`", names))
    assert named - set().union(*defined.values()) == set()
    assert [path for path, its_own in defined.items() if not named & its_own] == []


def definitions(file: Path) -> set[str]:
    """Return the names that a module of ours defines."""
    return set(vars(import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))))


def test_every_log_line_that_is_worth_an_alarm_is_written() -> None:
    """In the words of the code."""
    table = page("operations.md").split("These lines are worth an alarm:")[1].split("\n## ")[0]
    code = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "sync_service").rglob("*.py"))
    lines = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert lines
    assert [line for line in lines if f'"{line}"' not in code] == []


def test_every_page_is_reached_from_the_readme() -> None:
    """Directly, or by one of the pages it leads to."""
    onward: dict[Path, set[Path]] = {file: set() for file in PAGES}
    for file, target in links():
        onward[file].add((file.parent / target.partition("#")[0]).resolve())
    reached, edge = set[Path](), {ROOT / "README.md"}
    while edge:
        reached |= edge
        edge = {goal for file in edge for goal in onward.get(file, ()) if goal in onward} - reached
    assert {str(file.relative_to(ROOT)) for file in PAGES} - {str(one.relative_to(ROOT)) for one in reached} == set()
