"""Cross-checks: names given twice, and references to names that do not exist."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sync_service.config_file.read.errors import FileError, did_you_mean, format_path, format_value
from sync_service.config_file.read.parse import Document, FileItem
from sync_service.config_file.read.state import Fields, Key, State

REFERENCES: Mapping[str, Mapping[str, str]] = {
    "teams": {"parent": "teams"},
    "people": {"team": "teams"},
    "connections": {"owner": "people"},
    "objectives": {"cycle": "cycles", "team": "teams", "owner": "people", "parent": "objectives"},
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

MOST_NAMED = 20
"""Most key results of one unit that an error names."""


def name_of(part: FileItem) -> str | None:
    """Return the name of an item, even when other fields of it are wrong."""
    name = part.raw.get(NAMED[part.section])
    if not isinstance(name, str):
        return None
    return name.lower() if part.section == "people" else name


def known_names(document: Document, staying: State) -> dict[str, set[str]]:
    """Return all names that may be referred to: those in the files, and those stored that stay."""
    return {
        section: {name for part in document.items[section] if (name := name_of(part))} | set(map(str, staying[section]))
        for section in NAMED
    }


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


def circles(document: Document, after: State) -> Iterable[FileError]:
    """Yield errors for parents in a circle, each circle once. `after` is the state after applying."""
    for section in ("teams", "objectives"):
        parents = {str(key): fields["parent"] for key, fields in after[section].items()}
        known: set[str] = set()
        for part in document.items[section]:
            path = _circle(str(name_of(part)), parents)
            if path and not known.intersection(path):
                known.update(path)
                found = f"a circle: {' → '.join([*path, path[0]])}"
                yield part.error_at(("parent",), found, f"a parent that is not itself below {path[0]}, or none")


def _circle(name: str, parents: Mapping[str, str | None]) -> list[str]:
    """Return the circle that a name is on, from itself upwards; empty when there is none."""
    path: dict[str, None] = {name: None}
    at = name
    while (above := parents.get(at)) is not None:
        if above == name:
            return [*path]
        if above in path:
            return []  # a circle further up, which has an error of its own
        path[above] = None
        at = above
    return []


def mixed_sums(document: Document, after: State) -> Iterable[FileError]:
    """Yield errors for objectives that sum up several units, or what has no numbers to sum.

    Ranges have none, nor have aligned objectives that roll up in another way. `after` is the state after applying, in
    which no parents are in a circle.
    """
    written, sums = {str(name_of(part)) for part in document.items["objectives"]}, _Sums.of(after)
    for part in document.items["objectives"]:
        if part.form is None:
            continue
        yield from (part.error_at(("roll_up",), *wrong) for wrong in sums.wrong(part.form.slug))
        for above in sums.counted_in(part.form.slug):
            if above not in written:
                for found, allowed in sums.wrong(above):
                    yield part.error_at(("counts",), f"{found}, for {above}", allowed)


@dataclass(frozen=True, slots=True)
class _Sums:
    """What objectives sum up: those aligned with each that count, and the key results of each by their position."""

    objectives: Mapping[Key, Fields]
    below: Mapping[str, Sequence[str]]
    key_results: Mapping[str, Sequence[tuple[int, str, Fields]]]

    @classmethod
    def of(cls, after: State) -> "_Sums":
        below: dict[str, list[str]] = defaultdict(list)
        for one, fields in after["objectives"].items():
            if fields["parent"] and fields["counts"]:
                below[fields["parent"]].append(str(one))
        key_results: dict[str, list[tuple[int, str, Fields]]] = defaultdict(list)
        for position, (key, fields) in enumerate(after["key_results"].items()):
            if fields["rolls_up"]:
                key_results[fields["objective"]].append((position, str(key), fields))
        return cls(after["objectives"], below, key_results)

    def counted_in(self, slug: str) -> Iterable[str]:
        """Yield the objectives whose progress that of this one is part of."""
        fields = self.objectives.get(slug)
        while fields and fields["counts"] and fields["parent"]:
            yield fields["parent"]
            fields = self.objectives.get(fields["parent"])

    def wrong(self, slug: str) -> Iterable[tuple[str, str]]:
        """Yield what is wrong with the sum of an objective, and what is allowed."""
        if slug not in self.objectives or self.objectives[slug]["roll_up"] != "sum":
            return
        summed = list(self._summed(slug))
        for one in summed:
            fields = self.objectives[one]
            if fields["roll_up"] != "sum":
                allowed = f"roll_up: sum for {one}, or counts: false"
                yield f"sum with {one}, which rolls up as {fields['roll_up']}", allowed
        by_unit: dict[str, list[str]] = {}
        for _, key, fields in sorted(row for one in summed for row in self.key_results.get(one, ())):
            if fields["stay"]:
                allowed = f"weighted, weakest or none; or rolls_up: false for {key}"
                yield f"sum with {key}, which stays in a range", allowed
            else:
                by_unit.setdefault(fields["unit"], []).append(key)
        if len(by_unit) > 1:
            units = "; ".join(f"{unit or 'no unit'}: {_named(keys)}" for unit, keys in by_unit.items())
            allowed = "sum over one unit; weighted, weakest or none over several; or rolls_up: false for the others"
            yield f"sum over {len(by_unit)} units ({units})", allowed

    def _summed(self, slug: str) -> Iterable[str]:
        """Yield an objective and those below it that count, however deep."""
        waiting, seen = [slug], {slug}
        while waiting:
            one = waiting.pop()
            yield one
            below = [each for each in self.below.get(one, ()) if each not in seen]
            seen.update(below)
            waiting += reversed(below)


def _named(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - MOST_NAMED} more" if len(keys) > MOST_NAMED else ""
    return ", ".join(keys[:MOST_NAMED]) + more


def _allowed(name: str, target: str, known: set[str]) -> str:
    what = f"the {NAMED[target]} of one of the {target.replace('_', ' ')}"
    if not known:
        return f"{what}; there are none yet"
    listed = f": {', '.join(sorted(known))}" if len(known) <= 8 else ""
    return what + listed + did_you_mean(name, sorted(known))
