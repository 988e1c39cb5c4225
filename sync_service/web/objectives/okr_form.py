"""The forms of objectives and key results: from an item of a file to the texts of a form, and back."""

from collections.abc import Mapping
from typing import Any

import yaml

from sync_service.config_file.edit.edit_okrs import Item
from sync_service.config_file.read.errors import InvalidFiles
from sync_service.config_file.read.yaml_lines import read_yaml
from sync_service.domain.people.check_in import one_line
from sync_service.domain.text import in_full
from sync_service.web.forms.draft import FormError, Texts
from sync_service.web.forms.field_texts import number_text, read_numbers, without_none

OBJECTIVE = ("title", "cycle", "team", "owner", "parent", "counts", "weight", "roll_up")
KEY_RESULT = (
    *("title", "objective", "owner", "kind", "settings", "start", "target", "unit", "above", "below"),
    *("weight", "apply", "rolls_up", "cadence"),
)
KIND_WORDS: Texts = {
    "done-share": "the share of linked work that is done",
    "done-count": "how many linked issues are done",
    "done-sum": "points or another number of the done issues",
    "open-count": "how many linked issues are open",
    "open-sum": "points or another number of the open issues",
    "field": "a number field of the linked issues",
    "lead-time": "days from created to done",
    "cycle-time": "days from started to done",
    "throughput": "issues done a week",
    "share-meeting": "the share of done issues that meet a condition",
    "steps": "steps that somebody ticks, or issues complete",
    "manual": "what its owner checks in",
}
"""The kinds of measure in words."""

LONGEST = 10_000
"""Most characters of a field that are read."""

_FIELD_OF = {"measure": "settings", "stay": "above"}
"""The field of the form that shows an error of a field of the file, where the names differ."""


def read_texts(form: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """Return the texts of a sent form; only settings have several lines."""
    return {
        name: form.get(name, "")[:LONGEST].replace("\r\n", "\n").strip()
        if name == "settings"
        else one_line(form.get(name, "")[:LONGEST])
        for name in names
    }


def objective_texts(item: Item) -> dict[str, str]:
    """Return the form of an objective."""
    return {
        **{name: str(item.get(name) or "") for name in ("title", "cycle", "team", "owner", "parent")},
        "counts": "yes" if item.get("counts") else "",
        "weight": in_full(float(item.get("weight", 1))),
        "roll_up": str(item.get("roll_up", "weighted")),
    }


def objective_item(texts: Texts, before: Item) -> Item:
    """Return the objective of a form; what the form does not have is as before. Raise `FormError`."""
    numbers = read_numbers(texts, ("weight",))
    written = {
        **{name: texts[name] or None for name in ("title", "cycle", "team", "owner", "parent", "roll_up")},
        "counts": bool(texts["counts"]),
        "weight": numbers["weight"],
    }
    return without_none({**before, **written, "title": texts["title"], "cycle": texts["cycle"]})


def key_result_texts(item: Item) -> dict[str, str]:
    """Return the form of a key result."""
    measure = dict(item.get("measure", {"kind": "done-share"}))
    kind = str(measure.pop("kind", ""))
    low, high = _bounds(item.get("stay"))
    return {
        **{name: str(item.get(name) or "") for name in ("title", "objective", "owner", "unit", "cadence")},
        "kind": kind,
        "settings": yaml.safe_dump(measure, allow_unicode=True, sort_keys=False).strip() if measure else "",
        "start": number_text(item.get("start")),
        "target": number_text(item.get("target")),
        "above": number_text(low),
        "below": number_text(high),
        "weight": in_full(float(item.get("weight", 1))),
        "apply": str(item.get("apply", "apply")),
        "rolls_up": "yes" if item.get("rolls_up", True) else "",
    }


def key_result_item(texts: Texts, before: Item) -> Item:
    """Return the key result of a form; what the form does not have is as before. Raise `FormError`."""
    numbers = read_numbers(texts, ("start", "target", "above", "below", "weight"))
    measure = {"kind": texts["kind"], **_settings(texts["settings"])}
    written = {
        **{name: texts[name] or None for name in ("owner", "cadence", "apply")},
        **{name: texts[name] for name in ("title", "objective")},
        "unit": texts["unit"] if texts["unit"] or "unit" in before else None,
        "measure": measure,
        "stay": _stay(numbers["above"], numbers["below"]),
        "rolls_up": bool(texts["rolls_up"]),
        **{name: numbers[name] for name in ("start", "target", "weight")},
    }
    return without_none({**before, **written})


def errors_of(error: InvalidFiles) -> dict[str, str]:
    """Return the errors of an edit by the form's fields, as sentences without file and line."""
    found: dict[str, str] = {}
    for one in error.errors:
        path = [step.partition("[")[0] for step in one.field.split(".")]
        inside = [step for step in path if step not in ("objectives", "key_results", "")]
        first = inside[0] if inside else ""
        name = "kind" if inside[:2] == ["measure", "kind"] else _FIELD_OF.get(first, first)
        is_empty = one.found in ("''", "nothing")
        found.setdefault(name, f"{'it is empty' if is_empty else f'found {one.found}'}; allowed: {one.allowed}")
    return found


def _bounds(stay: Mapping[str, Any] | None) -> tuple[float | None, float | None]:
    if not stay:
        return None, None
    if "within" in stay:
        low, high = stay["within"]
        return low, high
    return stay.get("above"), stay.get("below")


def _stay(low: float | None, high: float | None) -> Mapping[str, Any] | None:
    if low is not None and high is not None:
        return {"within": [low, high]}
    if low is not None:
        return {"above": low}
    return None if high is None else {"below": high}


def _settings(text: str) -> dict[str, Any]:
    if not text:
        return {}
    read = read_yaml("settings", text.encode())
    if read.errors or not isinstance(read.value, dict):
        why = f"line {read.errors[0].line}: found {read.errors[0].found}" if read.errors else "found no mapping"
        raise FormError({"settings": f"{why}; allowed: one setting a line, like weight: points"})
    return {name: value for name, value in read.value.items() if name != "kind"}
