"""Cross-checks: names given twice, and references to names that do not exist."""

from collections.abc import Iterable, Mapping

from sync_service.config_file.read.errors import FileError, did_you_mean, format_path, format_value
from sync_service.config_file.read.parse import Document, FileItem
from sync_service.config_file.read.state import State

REFERENCES: Mapping[str, Mapping[str, str]] = {
    "people": {"team": "teams"},
    "connections": {"owner": "people"},
    "objectives": {"cycle": "cycles", "team": "teams", "owner": "people"},
    "key_results": {"owner": "people"},
    "rules": {"owner": "people", "connection": "connections", "key_result": "key_results"},
    "links": {"key_result": "key_results"},
}
"""Fields that refer to something, by section, each with the section that it refers to."""

NAMED: Mapping[str, str] = {
    "teams": "slug",
    "people": "email",
    "cycles": "slug",
    "connections": "slug",
    "objectives": "slug",
    "key_results": "slug",
    "rules": "slug",
}
"""Sections whose items have a name, with its field."""


def name_of(part: FileItem) -> str | None:
    """Return the name of an item, even when other fields of it are wrong."""
    name = part.raw.get(NAMED[part.section])
    if not isinstance(name, str):
        return None
    return name.lower() if part.section == "people" else name


def known_names(document: Document, stored: State, *, prune: bool) -> dict[str, set[str]]:
    """Return all names that may be referred to: those in the files and, without `prune`, those stored."""
    known: dict[str, set[str]] = {}
    for section in NAMED:
        known[section] = {name for part in document.items[section] if (name := name_of(part))}
        if not prune:
            known[section] |= {str(key) for key in stored[section]}
    return known


def duplicate_names(document: Document, stored: State) -> Iterable[FileError]:
    """Yield errors for names given twice, and for names that differ from another only in case."""
    for section, named in NAMED.items():
        first: dict[str, FileItem] = {}
        as_stored = {str(key).casefold(): str(key) for key in stored[section]}
        for part in document.items[section]:
            name = name_of(part)
            if name is None:
                continue
            before = first.setdefault(name.casefold(), part)
            if before is not part:
                earlier = before.error_at((named,), "", "")
                found = f"{name!r} a second time (first at {earlier.file}:{earlier.line}, {format_path(before.path)})"
                yield part.error_at((named,), found, f"each {named} once; upper and lower case are not distinguished")
            elif as_stored.get(name.casefold(), name) != name:
                yield part.error_at(
                    (named,), format_value(name), f"{as_stored[name.casefold()]} as it is stored, or another"
                )


def dangling_references(document: Document, known: Mapping[str, set[str]]) -> Iterable[FileError]:
    """Yield errors for references to names that do not exist."""
    for section, fields in REFERENCES.items():
        for part in document.items[section]:
            for field, target in fields.items():
                name = part.raw.get(field)
                if isinstance(name, str) and (name.lower() if target == "people" else name) not in known[target]:
                    yield part.error_at((field,), format_value(name), _allowed(name, target, known[target]))


def _allowed(name: str, target: str, known: set[str]) -> str:
    what = f"the {NAMED[target]} of one of the {target.replace('_', ' ')}"
    if not known:
        return f"{what}; there are none yet"
    listed = f": {', '.join(sorted(known))}" if len(known) <= 8 else ""
    return what + listed + did_you_mean(name, sorted(known))
