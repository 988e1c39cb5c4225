"""Read the findings of `doctor`."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from click.testing import Result

from sync_service.domain.trackers.diagnostics import Finding


def parse_findings(result: Result) -> dict[str, Any]:
    """Parse the JSON output into findings by section and by subject."""
    document = json.loads(result.stdout)
    return {one["name"]: {each["what"]: each for each in one["findings"]} for one in document["sections"]}


def findings(check: Callable[[], Iterator[Finding]]) -> dict[str, Finding]:
    """Return the findings of a check by subject."""
    return {one.what: one for one in check()}
