"""Rules to preview: of a file with one rule or a list `rules`, as in the configuration, each with where it is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from sync_service.config_file.read.errors import FileError, InvalidFiles, Path, did_you_mean, format_value
from sync_service.config_file.read.yaml_lines import YamlFile, read_yaml
from sync_service.progress.previews.written_rule import Mistake, WrittenRule
from sync_service.web.api.trials.preview_models import RuleToPreview

_FIELDS = (*RuleToPreview.model_fields, "query")


@dataclass(frozen=True, slots=True)
class RuleInFile:
    """A rule of a file."""

    file: YamlFile
    path: Path
    rule: WrittenRule

    def error_of(self, mistake: Mistake) -> FileError:
        """Return a mistake with its line."""
        return self.file.error_at((*self.path, *mistake.path), mistake.found, mistake.allowed)


def read_rules(name: str, content: bytes) -> list[RuleInFile]:
    """Return the rules of a file that have a condition. Raise `InvalidFiles` for what can't be read."""
    file = read_yaml(name, content)
    errors, found = list(file.errors), []
    for path, raw in () if errors else _items(file, errors):
        rule = _read(file, path, raw, errors)
        found += [RuleInFile(file, path, rule)] if rule else []
    if errors:
        raise InvalidFiles(errors)
    return found


def _items(file: YamlFile, errors: list[FileError]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    written = file.value
    listed = isinstance(written, dict) and "rules" in written
    items = written["rules"] if listed else [written]
    for index, one in enumerate(items if isinstance(items, list) else [items]):
        path: Path = ("rules", index) if listed else ()
        if not isinstance(one, dict):
            errors.append(file.error_at(path, format_value(one), "a rule: a mapping with " + ", ".join(_FIELDS)))
        elif not listed or not one.get("query"):
            yield path, one


def _read(file: YamlFile, path: Path, raw: Mapping[str, Any], errors: list[FileError]) -> WrittenRule | None:
    if raw.get("query"):
        errors.append(
            file.error_at((*path, "query"), "a query", "a condition (when); only its tracker can evaluate it")
        )
        return None
    written = {name: value for name, value in raw.items() if name not in ("query", "enabled")}
    if "enabled" in raw and "state" not in raw:  # the older form of the state
        written["state"] = "active" if raw["enabled"] else "disabled"
    try:
        return RuleToPreview.model_validate(written).written()
    except ValidationError as error:
        for one in error.errors(include_url=False):
            unknown = one["type"] == "extra_forbidden"
            allowed = ", ".join(_FIELDS) + did_you_mean(one["loc"][-1], _FIELDS) if unknown else one["msg"]
            value = f"the unknown field {one['loc'][-1]!r}" if unknown else format_value(one["input"])
            errors.append(
                file.error_at((*path, *one["loc"]), "nothing" if one["type"] == "missing" else value, allowed)
            )
    return None
