"""Parse configuration files to a document: validate every item, and report every error with file and line."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sync_service.config_file.read.errors import FileError, Path, did_you_mean, format_value
from sync_service.config_file.read.field_types import Form, zones
from sync_service.config_file.read.models import (
    NESTED_MODELS,
    SECRET_FIELDS,
    SECTIONS,
    Connection,
    KeyResult,
    Objective,
    ObjectiveFields,
)
from sync_service.config_file.read.yaml_lines import YamlFile, read_yaml


@dataclass(frozen=True, slots=True)
class FileItem:
    """One item of a section: as written, its path, and its validated form (None when invalid)."""

    section: str
    written: YamlFile
    path: Path
    raw: Mapping[str, Any]
    form: Any

    def error_at(self, path: Path, found: str, allowed: str) -> FileError:
        """Return an error at a path inside this item."""
        return self.written.error_at((*self.path, *path), found, allowed)


@dataclass(slots=True)
class Document:
    """All files together."""

    items: dict[str, list[FileItem]] = field(
        default_factory=lambda: {section: [] for section in (*SECTIONS, "key_results")}
    )
    errors: list[FileError] = field(default_factory=list)

    def valid_items(self, section: str) -> Iterator[Any]:
        """Return the valid items of a section."""
        return (part.form for part in self.items[section] if part.form is not None)


def read_document(files: Iterable[tuple[str, bytes]], connections: Mapping[str, type[Connection]]) -> Document:
    """Parse files, given as name and content. `connections` are the models of connections by kind."""
    document = Document()
    for name, content in files:
        written = read_yaml(name, content)
        document.errors += written.errors
        if written.value is None and not written.errors:
            document.errors.append(written.error_at((), "an empty file", _sections()))
        elif isinstance(written.value, dict):
            _read_sections(document, written, connections)
        elif written.value is not None:
            document.errors.append(written.error_at((), format_value(written.value), f"a mapping with {_sections()}"))
    return document


def _sections() -> str:
    return "at least one of " + ", ".join(SECTIONS)


def _read_sections(document: Document, written: YamlFile, connections: Mapping[str, type[Connection]]) -> None:
    for section, items in written.value.items():
        if section not in SECTIONS:
            allowed = ", ".join(SECTIONS) + did_you_mean(section, SECTIONS)
            document.errors.append(written.error_at((section,), f"the unknown field {section!r}", allowed))
            continue
        if section == "organisation":
            _read_organisation(document, written, items)
            continue
        for path, raw in _items(document, written, (section,), items):
            if section == "connections":
                _read_item(document, written, path, raw, _connection_model(document, written, path, raw, connections))
            elif section == "objectives":
                _read_objective(document, written, path, raw)
            else:
                _read_item(document, written, path, raw, SECTIONS[section])


def _items(document: Document, written: YamlFile, path: Path, items: Any) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the mappings of what should be a list of mappings."""
    if not isinstance(items, list):
        document.errors.append(written.error_at(path, format_value(items), "a list"))
        return
    for index, raw in enumerate(items):
        if isinstance(raw, dict):
            yield (*path, index), raw
        else:
            document.errors.append(written.error_at((*path, index), format_value(raw), "a mapping"))


def _read_organisation(document: Document, written: YamlFile, raw: Any) -> None:
    path = ("organisation",)
    if not isinstance(raw, dict):
        document.errors.append(written.error_at(path, format_value(raw), "a mapping"))
    elif document.items["organisation"]:
        first = document.items["organisation"][0].error_at((), "", "")
        found = f"the organisation a second time (first at {first.file}:{first.line})"
        document.errors.append(written.error_at(path, found, "it once"))
    else:
        _read_item(document, written, path, raw, SECTIONS["organisation"])


def _read_objective(document: Document, written: YamlFile, path: Path, raw: dict[str, Any]) -> None:
    alone = {name: value for name, value in raw.items() if name != "key_results"}
    _read_item(document, written, path, alone, ObjectiveFields)
    key_results = (*path, "key_results")
    for key_result_path, key_result in _items(document, written, key_results, raw.get("key_results", [])):
        _read_item(document, written, key_result_path, key_result, KeyResult)


def _read_item(
    document: Document, written: YamlFile, path: Path, raw: dict[str, Any], model: type[Form] | None
) -> None:
    form = None
    if model:
        try:
            form = model.model_validate(raw)
        except ValidationError as error:
            for problem in error.errors(include_url=False):
                document.errors.append(_error_of(written, path, model, problem))
        else:
            for inside, found, allowed in form.contradictions():
                document.errors.append(written.error_at((*path, *inside), found, allowed))
    section = "key_results" if model is KeyResult else str(path[0])
    document.items[section].append(FileItem(section, written, path, raw, form))


def _connection_model(
    document: Document, written: YamlFile, path: Path, raw: dict[str, Any], connections: Mapping[str, type[Connection]]
) -> type[Connection] | None:
    kind = raw.get("kind")
    if isinstance(kind, str) and kind in connections:
        return connections[kind]
    allowed = "one of " + ", ".join(sorted(connections)) + did_you_mean(kind, connections)
    document.errors.append(written.error_at((*path, "kind"), format_value(kind), allowed))
    return None


def _error_of(written: YamlFile, path: Path, model: type[Form], problem: ErrorDetails) -> FileError:
    inside: Path = problem["loc"]
    if problem["type"] == "extra_forbidden":
        around = _model_at(model, inside[:-1])
        known = sorted((Objective if around is ObjectiveFields else around).model_fields)
        allowed = ", ".join(known) + did_you_mean(inside[-1], known)
        return written.error_at((*path, *inside), f"the unknown field {inside[-1]!r}", allowed)
    if problem["type"] == "missing":
        found = "nothing"
    else:
        found = "a value that does not fit" if inside[0] in SECRET_FIELDS else format_value(problem["input"])
    nearest = did_you_mean(problem["input"], _choices(problem)) if isinstance(problem["input"], str) else ""
    return written.error_at((*path, *inside), found, _description(model, inside) + nearest)


def _choices(problem: ErrorDetails) -> Iterable[str]:
    """Return what may be written, where it is one of a list."""
    if problem["type"] == "literal_error":
        return [str(one) for one in re.findall(r"'([^']*)'", problem["ctx"]["expected"])]
    return sorted(zones()) if problem["loc"][-1] == "timezone" else ()


def _model_at(model: type[Form], path: Path) -> type[Form]:
    """Return the model that has the fields at a path."""
    return NESTED_MODELS.get(str(path[0]), model) if path else model


def _description(model: type[Form], path: Path) -> str:
    """Return what is allowed at a path: the description of the nearest field."""
    around = _model_at(model, path[:1]).model_fields
    inner = next((around[str(step)] for step in reversed(path[1:]) if str(step) in around), None)
    return (inner or model.model_fields[str(path[0])]).description or ""
