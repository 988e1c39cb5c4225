"""What doctor finds, read for tests."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from click.testing import Result

from sync_service.domain.trackers.diagnostics import Finding


def form(result: Result) -> dict[str, Any]:
    """Read what was printed as JSON: findings by section and by what they are about."""
    told = json.loads(result.stdout)
    return {one["name"]: {each["what"]: each for each in one["findings"]} for one in told["sections"]}


def findings(look: Callable[[], Iterator[Finding]]) -> dict[str, Finding]:
    """Give findings by what they are about."""
    return {one.what: one for one in look()}
