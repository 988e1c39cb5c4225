"""Parse YAML to plain values, each with its line number.

Only what JSON has may be written: text, whole and decimal numbers, true, false, null, lists and mappings. A date is
text, and so are `on`, `yes` and `no`. No tags; size, depth and number of values are bounded, so that no file can keep
us busy for long or run code. https://yaml.org/spec/1.2.2/#chapter-10-recommended-schemas
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.composer import ComposerError

from sync_service.config_file.read.errors import FileError, Path, format_path

MAX_FILE_BYTES = 1024 * 1024
"""The most bytes of one file."""

MAX_VALUES = 100_000
"""The most values of one file; each use of an alias counts again."""

MAX_DEPTH = 40

_PLAIN = "text, a number, true, false, null, a list or a mapping"
_SCALARS: Mapping[str, re.Pattern[str]] = {
    "bool": re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"),
    "int": re.compile(r"^[-+]?(?:0|[1-9][0-9]{0,17})$"),
    "float": re.compile(r"^[-+]?[0-9]{1,30}(?:\.[0-9]{0,30}(?:[eE][-+]?[0-9]{1,3})?|[eE][-+]?[0-9]{1,3})$"),
    "null": re.compile(r"^(?:~|null|Null|NULL|)$"),
}
_TAG = "tag:yaml.org,2002:"


def quote_what_reads_as_number(dumper: type[yaml.SafeDumper]) -> None:
    """Let a dumper quote text such as `1e5`, which is a number here and in JSON, but text to PyYAML (YAML 1.1)."""
    dumper.add_implicit_resolver(_TAG + "float", _SCALARS["float"], None)


class _Loader(yaml.SafeLoader):
    """Composes nodes, but not deeper than allowed."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - filled below; PyYAML's own name
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = parent.start_mark if parent else None
            raise ComposerError(None, None, f"values nested more than {MAX_DEPTH} deep", mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


for _name, _pattern in _SCALARS.items():
    _Loader.add_implicit_resolver(_TAG + _name, _pattern, None)


@dataclass(slots=True)
class YamlFile:
    """One parsed file: its plain value, the line of every path in it, and the errors found."""

    file: str
    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    errors: list[FileError] = field(default_factory=list)
    _count: int = 0

    def error_at(self, path: Path, found: str, allowed: str) -> FileError:
        """Return an error at a path, or at the nearest path above it that is written."""
        near = path
        while near and near not in self.lines:
            near = near[:-1]
        return FileError(self.file, self.lines.get(near, 1), format_path(path), found, allowed)

    def plain(self, node: yaml.Node, path: Path) -> Any:
        """Convert a node to a plain value."""
        self._count += 1
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if self._count > MAX_VALUES or len(path) > MAX_DEPTH:
            raise _TooMuch(line)
        if isinstance(node, yaml.CollectionNode) and node.tag not in (_TAG + "map", _TAG + "seq"):
            self.errors.append(FileError(self.file, line, format_path(path), f"the tag {node.tag}", _PLAIN))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key, str):
                self.errors.append(
                    FileError(self.file, _line(key_node), format_path(path), "a key that is not text", "text")
                )
                continue
            key_path = (*path, key)
            if key in found:
                self.errors.append(
                    FileError(
                        self.file, _line(key_node), format_path(key_path), f"{key!r} a second time", "each key once"
                    )
                )
                continue
            self.lines[key_path] = _line(key_node)
            found[key] = self.plain(value_node, key_path)
        return found

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        text: str = node.value
        kind = node.tag.removeprefix(_TAG)
        if kind == "str" and node.tag.startswith(_TAG):
            return text
        if kind not in _SCALARS or not _SCALARS[kind].match(text):
            self.errors.append(FileError(self.file, _line(node), format_path(path), f"the tag {node.tag}", _PLAIN))
            return None
        match kind:
            case "bool":
                return text.lower() == "true"
            case "int":
                return int(text)
            case "float":
                return float(text)
        return None


class _TooMuch(Exception):
    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def read_yaml(file: str, content: bytes) -> YamlFile:
    """Parse one file; what cannot be parsed is among the errors."""
    written = YamlFile(file)
    try:
        _read(written, content)
    except _TooMuch as error:
        allowed = f"{MAX_VALUES} values at most, nested {MAX_DEPTH} deep"
        written.errors.append(FileError(file, error.line, "", "too many values, or aliases within aliases", allowed))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        written.errors.append(FileError(file, line, "", f"invalid YAML ({error.problem})", "YAML, or JSON"))
    except yaml.reader.ReaderError as error:
        line = content.decode("utf-8", "replace")[: error.position].count("\n") + 1
        found = f"the character #x{int(error.character):04x}"
        written.errors.append(FileError(file, line, "", found, "characters that can be printed"))
    return written


def _read(written: YamlFile, content: bytes) -> None:
    if len(content) > MAX_FILE_BYTES:
        written.errors.append(
            FileError(written.file, 1, "", f"{len(content)} bytes", f"{MAX_FILE_BYTES} bytes at most")
        )
        return
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        written.errors.append(FileError(written.file, line, "", "bytes that are not UTF-8", "text in UTF-8"))
        return
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
    finally:
        loader.dispose()
    if node is not None:
        written.value = written.plain(node, ())
