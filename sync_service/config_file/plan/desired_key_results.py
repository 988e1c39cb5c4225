"""The desired state of key results: their numbers, ranges and measures, and their order in the objective."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sync_service.config_file.plan.diff import positions
from sync_service.config_file.read import models
from sync_service.config_file.read.errors import FileError, Path, format_value
from sync_service.config_file.read.parse import Document, FileItem
from sync_service.config_file.read.settings_models import written
from sync_service.config_file.read.state import Fields, Key, State
from sync_service.domain.measures.settings import SETTINGS, MeasureError, parse_measure
from sync_service.domain.text import in_full

ReadIssue = Callable[[FileItem, Path, str], tuple[str, str] | None]
"""Reads a reference to an issue as its connection and key; None when it has added an error."""


@dataclass(slots=True)
class KeyResultsReader:
    """Computes the desired state of the key results of a document; collects the errors in `errors`."""

    document: Document
    stored: State
    read_issue: ReadIssue
    errors: list[FileError] = field(default_factory=list)

    def items(self) -> Iterator[tuple[Key, Fields]]:
        """Yield the key results; they are complete only when there are no errors."""
        by_objective: dict[str, list[FileItem]] = {}
        for part in self.document.items["key_results"]:
            self._check_measure(part)
            objective = part.written.value["objectives"][part.path[1]].get("slug")
            if part.form and isinstance(objective, str):
                by_objective.setdefault(objective, []).append(part)
        for objective, parts in by_objective.items():
            stored = {
                str(k): f["position"] for k, f in self.stored["key_results"].items() if f["objective"] == objective
            }
            order = positions([part.form.slug for part in parts], stored)
            for part in parts:
                yield part.form.slug, self._key_result(part, objective, order[part.form.slug])

    def _add_error(self, part: FileItem, path: Path, found: str, allowed: str) -> None:
        self.errors.append(part.error_at(path, found, allowed))

    def _check_measure(self, part: FileItem) -> None:
        settings = part.raw.get("measure")
        if isinstance(settings, dict):
            try:
                parse_measure(settings, self._number_fields())
            except MeasureError as error:
                self._add_error(part, ("measure", *error.path), format_value(error.found), error.allowed)

    def _number_fields(self) -> set[str]:
        """Return the number fields that connections read, as the files have them or as they are stored."""
        files = [part.raw for part in self.document.items["connections"]]
        stored = [fields["options"] for fields in self.stored["connections"].values()]
        named = [options.get("number_fields") for options in (*files, *stored)]
        return {name for names in named if isinstance(names, list | tuple) for name in names if isinstance(name, str)}

    def _key_result(self, part: FileItem, objective: str, position: int) -> Fields:
        form: models.KeyResult = part.form
        start, target, unit = default_numbers(form)
        if form.stay is None:
            self._check_numbers(part, start, target)
        return {
            "objective": objective,
            "title": form.title,
            "owner": form.owner,
            "weight": form.weight,
            "position": position,
            "unit": unit,
            "start": start,
            "target": target,
            "stay": written(form.stay),
            "measure": self._measure(part, form.measure),
            "apply": form.apply,
            "rolls_up": form.rolls_up,
            "cadence": form.cadence,
        }

    def _check_numbers(self, part: FileItem, start: float | None, target: float | None) -> None:
        kind = part.form.measure.get("kind")
        for name, value in (("start", start), ("target", target)):
            if value is None and str(kind) in SETTINGS:
                self._add_error(part, (name,), "nothing", f"a number; {kind} has no default for it")
        if start is not None and start == target:
            self._add_error(part, ("target",), at := in_full(start), f"a number other than the start, which is {at}")

    def _measure(self, part: FileItem, measure: Mapping[str, Any]) -> dict[str, Any]:
        """Return a measure whose steps name issues by the keys that their trackers use."""
        steps = measure.get("steps")
        if not isinstance(steps, list):
            return dict(measure)
        return {**measure, "steps": [self._step(part, index, step) for index, step in enumerate(steps)]}

    def _step(self, part: FileItem, index: int, step: Any) -> Any:
        issue = step.get("issue") if isinstance(step, dict) else None
        found = self.read_issue(part, ("measure", "steps", index, "issue"), issue) if isinstance(issue, str) else None
        return {**step, "issue": ":".join(found)} if found else step


SHARES = ("done-share", "share-meeting", "steps")
"""The measures in percent."""


def default_numbers(form: models.KeyResult) -> tuple[float | None, float | None, str]:
    """Return start, target and unit; missing ones follow from the measure. A range has neither start nor target."""
    start, target, unit = form.start, form.target, form.unit
    kind = form.measure.get("kind")
    given = start is not None or target is not None
    if kind in (*SHARES, "manual"):
        percent = kind != "manual" or not (given or form.stay)
        unit = ("%" if percent else "") if unit is None else unit
        start, target = (0.0 if start is None else start), (100.0 if target is None else target)
    elif kind in ("done-count", "done-sum") and start is None:
        start = 0.0
    elif kind in ("lead-time", "cycle-time") and unit is None:
        unit = "days"
    return (None, None, unit or "") if form.stay else (start, target, unit or "")
