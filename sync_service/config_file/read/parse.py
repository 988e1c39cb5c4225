"""Parse configuration files to a document: validate every item, and report every error with file and line."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sync_service.config_file.read.errors import Mistake, Path, meant, shown
from sync_service.config_file.read.models import (
    SECRET_FIELDS,
    SECTIONS,
    WITHIN,
    Connection,
    Form,
    KeyResult,
    Objective,
    ObjectiveAlone,
)
from sync_service.config_file.read.yaml_lines import Written, read_yaml


@dataclass(frozen=True, slots=True)
class Part:
    """One item of a section: as written, its path, and its validated form (None when invalid)."""

    section: str
    written: Written
    path: Path
    raw: Mapping[str, Any]
    form: Any

    def mistake(self, path: Path, found: str, allowed: str) -> Mistake:
        """Return an error at a path inside this item."""
        return self.written.mistake((*self.path, *path), found, allowed)


@dataclass(slots=True)
class Document:
    """All files together."""

    parts: dict[str, list[Part]] = field(
        default_factory=lambda: {section: [] for section in (*SECTIONS, "key_results")}
    )
    mistakes: list[Mistake] = field(default_factory=list)

    def forms(self, section: str) -> Iterator[Any]:
        """Return the valid items of a section."""
        return (part.form for part in self.parts[section] if part.form is not None)


def read_document(files: Iterable[tuple[str, bytes]], connections: Mapping[str, type[Connection]]) -> Document:
    """Parse files, given as name and content. `connections` are the models of connections by kind."""
    document = Document()
    for name, content in files:
        written = read_yaml(name, content)
        document.mistakes += written.mistakes
        if written.value is None and not written.mistakes:
            document.mistakes.append(written.mistake((), "an empty file", _sections()))
        elif isinstance(written.value, dict):
            _read_sections(document, written, connections)
        elif written.value is not None:
            document.mistakes.append(written.mistake((), shown(written.value), f"a mapping with {_sections()}"))
    return document


def _sections() -> str:
    return "at least one of " + ", ".join(SECTIONS)


def _read_sections(document: Document, written: Written, connections: Mapping[str, type[Connection]]) -> None:
    for section, items in written.value.items():
        if section not in SECTIONS:
            allowed = ", ".join(SECTIONS) + meant(section, SECTIONS)
            document.mistakes.append(written.mistake((section,), f"the unknown field {section!r}", allowed))
            continue
        for path, raw in _items(document, written, (section,), items):
            if section == "connections":
                _read_item(document, written, path, raw, _connection_model(document, written, path, raw, connections))
            elif section == "objectives":
                _read_objective(document, written, path, raw)
            else:
                _read_item(document, written, path, raw, SECTIONS[section])


def _items(document: Document, written: Written, path: Path, items: Any) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the mappings of what should be a list of mappings."""
    if not isinstance(items, list):
        document.mistakes.append(written.mistake(path, shown(items), "a list"))
        return
    for index, raw in enumerate(items):
        if isinstance(raw, dict):
            yield (*path, index), raw
        else:
            document.mistakes.append(written.mistake((*path, index), shown(raw), "a mapping"))


def _read_objective(document: Document, written: Written, path: Path, raw: dict[str, Any]) -> None:
    alone = {name: value for name, value in raw.items() if name != "key_results"}
    _read_item(document, written, path, alone, ObjectiveAlone)
    key_results = (*path, "key_results")
    for key_result_path, key_result in _items(document, written, key_results, raw.get("key_results", [])):
        _read_item(document, written, key_result_path, key_result, KeyResult)


def _read_item(document: Document, written: Written, path: Path, raw: dict[str, Any], model: type[Form] | None) -> None:
    form = None
    if model:
        try:
            form = model.model_validate(raw)
        except ValidationError as error:
            for problem in error.errors(include_url=False, include_context=False):
                document.mistakes.append(_error_of(written, path, model, problem))
    section = "key_results" if model is KeyResult else str(path[0])
    document.parts[section].append(Part(section, written, path, raw, form))


def _connection_model(
    document: Document, written: Written, path: Path, raw: dict[str, Any], connections: Mapping[str, type[Connection]]
) -> type[Connection] | None:
    kind = raw.get("kind")
    if isinstance(kind, str) and kind in connections:
        return connections[kind]
    allowed = "one of " + ", ".join(sorted(connections)) + meant(kind, connections)
    document.mistakes.append(written.mistake((*path, "kind"), shown(kind), allowed))
    return None


def _error_of(written: Written, path: Path, model: type[Form], problem: ErrorDetails) -> Mistake:
    inside: Path = problem["loc"]
    if problem["type"] == "extra_forbidden":
        around = _model_at(model, inside[:-1])
        known = sorted((Objective if around is ObjectiveAlone else around).model_fields)
        allowed = ", ".join(known) + meant(inside[-1], known)
        return written.mistake((*path, *inside), f"the unknown field {inside[-1]!r}", allowed)
    if problem["type"] == "missing":
        found = "nothing"
    else:
        found = "a value that does not fit" if inside[0] in SECRET_FIELDS else shown(problem["input"])
    return written.mistake((*path, *inside), found, _description(model, inside))


def _model_at(model: type[Form], path: Path) -> type[Form]:
    """Return the model that has the fields at a path."""
    return WITHIN.get(str(path[0]), model) if path else model


def _description(model: type[Form], path: Path) -> str:
    """Return what is allowed at a path: the description of the nearest field."""
    inner = _model_at(model, path[:1]).model_fields.get(str(path[1])) if len(path) > 1 else None
    return (inner or model.model_fields[str(path[0])]).description or ""
