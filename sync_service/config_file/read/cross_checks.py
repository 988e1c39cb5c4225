"""Cross-checks: names given twice, and references to names that do not exist."""

from collections.abc import Iterable, Mapping

from sync_service.config_file.read.errors import FileError, did_you_mean, format_path, format_value
from sync_service.config_file.read.parse import Document, FileItem
from sync_service.config_file.read.state import State

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
    path = [name]
    while (above := parents.get(path[-1])) is not None:
        if above == name:
            return path
        if above in path:
            return []  # a circle further up, which has an error of its own
        path.append(above)
    return []


def mixed_sums(document: Document, after: State) -> Iterable[FileError]:
    """Yield errors for objectives that sum up several units, or what has no numbers to sum.

    Ranges have none, nor have aligned objectives that roll up in another way. `after` is the state after applying, in
    which no parents are in a circle.
    """
    written = {str(name_of(part)) for part in document.items["objectives"]}
    for part in document.items["objectives"]:
        if part.form is None:
            continue
        yield from (part.error_at(("roll_up",), *wrong) for wrong in _wrong_sum(part.form.slug, after))
        for above in _counted_in(part.form.slug, after):
            if above not in written:
                for found, allowed in _wrong_sum(above, after):
                    yield part.error_at(("counts",), f"{found}, for {above}", allowed)


def _counted_in(slug: str, after: State) -> Iterable[str]:
    """Yield the objectives whose progress that of this one is part of."""
    fields = after["objectives"].get(slug)
    while fields and fields["counts"] and fields["parent"]:
        yield fields["parent"]
        fields = after["objectives"].get(fields["parent"])


def _wrong_sum(slug: str, after: State) -> Iterable[tuple[str, str]]:
    """Yield what is wrong with the sum of an objective, and what is allowed."""
    if slug not in after["objectives"] or after["objectives"][slug]["roll_up"] != "sum":
        return
    below = list(_summed(slug, after))
    for one in below:
        fields = after["objectives"][one]
        if fields["roll_up"] != "sum":
            yield f"sum with {one}, which rolls up as {fields['roll_up']}", f"roll_up: sum for {one}, or counts: false"
    by_unit: dict[str, list[str]] = {}
    for key, fields in after["key_results"].items():
        if not fields["rolls_up"] or fields["objective"] not in below:
            continue
        if fields["stay"]:
            allowed = f"weighted, weakest or none; or rolls_up: false for {key}"
            yield f"sum with {key}, which stays in a range", allowed
        else:
            by_unit.setdefault(fields["unit"], []).append(str(key))
    if len(by_unit) > 1:
        units = "; ".join(f"{unit or 'no unit'}: {', '.join(keys)}" for unit, keys in by_unit.items())
        allowed = "sum over one unit; weighted, weakest or none over several; or rolls_up: false for the others"
        yield f"sum over {len(by_unit)} units ({units})", allowed


def _summed(slug: str, after: State) -> Iterable[str]:
    """Yield an objective and those below it that count."""
    yield slug
    for one, fields in after["objectives"].items():
        if fields["parent"] == slug and fields["counts"]:
            yield from _summed(str(one), after)


def _allowed(name: str, target: str, known: set[str]) -> str:
    what = f"the {NAMED[target]} of one of the {target.replace('_', ' ')}"
    if not known:
        return f"{what}; there are none yet"
    listed = f": {', '.join(sorted(known))}" if len(known) <= 8 else ""
    return what + listed + did_you_mean(name, sorted(known))
