"""Report of the benchmarks: figures with their bounds, as a table and as JSON."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FORGIVEN = 2.0
"""How many times worse than its bound a figure may be, on a busy machine, before the run fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One figure: at least its bound if `at_least`, else at most; `parts` are the measured values, with units.

    A figure without a bound is only reported. `forgiven` is how many times worse than its bound it may be.
    """

    what: str
    database: str
    figure: float
    unit: str = "x"
    bound: float | None = None
    at_least: bool = True
    parts: Mapping[str, float] = field(default_factory=dict)
    forgiven: float = FORGIVEN

    @property
    def times_past(self) -> float:
        """Return how many times worse than its bound the figure is; 1 or less when it keeps the bound."""
        if self.bound is None:
            return 0.0
        if self.at_least:
            return self.bound / self.figure if self.figure > 0 else float("inf")
        return self.figure / self.bound

    @property
    def verdict(self) -> str:
        """Return "holds", "MISSES" or "FAILS"; "" without a bound."""
        if self.bound is None:
            return ""
        if self.times_past <= 1:
            return "holds"
        return "FAILS" if self.fails else "MISSES"

    @property
    def fails(self) -> bool:
        """Return whether it is worse than its bound by more than is forgiven."""
        return self.times_past > self.forgiven


def machine() -> dict[str, Any]:
    """Return the size and load of this machine."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "memory_gb": round(pages * size / 1e9, 1),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def lines(findings: Sequence[Finding]) -> list[str]:
    """Return the findings as the lines of a table."""
    width = max([len("what"), *(len(one.what) for one in findings)]) + 2
    table = [f"{'what':<{width}}{'on':<12}{'figure':>11}  {'bound':>9}  {'':<7} made of"]
    for one in findings:
        bound = "" if one.bound is None else f"{'≥' if one.at_least else '≤'} {one.bound:g} {one.unit}"
        parts = ", ".join(f"{name} {number:,.4g}" for name, number in one.parts.items())
        figure = f"{one.figure:>8,.2f} {one.unit:<2}"
        table.append(f"{one.what:<{width}}{one.database:<12}{figure}  {bound:>9}  {one.verdict:<7} {parts}".rstrip())
    return table


def save(findings: Sequence[Finding], path: Path) -> None:
    """Write the findings and the machine as JSON."""
    report = {"machine": machine(), "findings": [asdict(one) | {"verdict": one.verdict} for one in findings]}
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
