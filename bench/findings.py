"""What a benchmark found: a figure and its bound, and what both are made of."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FORGIVEN = 2.0
"""How far past its bound a figure may be on a busy machine before the run counts as failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One figure: at least its bound where `at_least`, else at most; `parts` are what it was made of, with units.

    Without a bound it is only told.
    """

    what: str
    database: str
    figure: float
    unit: str = "x"
    bound: float | None = None
    at_least: bool = True
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def times_past(self) -> float:
        """Give how many times past its bound the figure is; 1 or less where it keeps it."""
        if self.bound is None:
            return 0.0
        if self.at_least:
            return self.bound / self.figure if self.figure > 0 else float("inf")
        return self.figure / self.bound

    @property
    def verdict(self) -> str:
        """Say whether it keeps its bound."""
        if self.bound is None:
            return ""
        if self.times_past <= 1:
            return "holds"
        return "MISSES" if self.times_past <= FORGIVEN else "FAILS"


def machine() -> dict[str, Any]:
    """Tell the size of this machine."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "memory_gb": round(pages * size / 1e9, 1),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def lines(findings: Sequence[Finding]) -> list[str]:
    """Write the findings as a table."""
    wide = max([len("what"), *(len(one.what) for one in findings)]) + 2
    written = [f"{'what':<{wide}}{'on':<12}{'figure':>11}  {'bound':>9}  {'':<7} made of"]
    for one in findings:
        bound = "" if one.bound is None else f"{'≥' if one.at_least else '≤'} {one.bound:g} {one.unit}"
        parts = ", ".join(f"{name} {number:,.4g}" for name, number in one.parts.items())
        figure = f"{one.figure:>8,.2f} {one.unit:<2}"
        written.append(f"{one.what:<{wide}}{one.database:<12}{figure}  {bound:>9}  {one.verdict:<7} {parts}".rstrip())
    return written


def save(findings: Sequence[Finding], path: Path) -> None:
    """Write the findings as JSON, with the machine they were made on."""
    form = {"machine": machine(), "findings": [asdict(one) | {"verdict": one.verdict} for one in findings]}
    path.write_text(json.dumps(form, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
