"""Errors in the settings: all of them at once, in words that an operator can act on."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

from pydantic import ValidationError

_MAY_HOLD_PASSWORD = re.compile(r":.*@", re.DOTALL)

SECRET_NAMES = frozenset({"DATABASE_URL", "REDIS_URL", "SMTP_URL", "OKR_SYNC_SECRET_KEY"})


class InvalidSettings(ValueError):
    """The service cannot start with these settings. `errors` has one line for each."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = tuple(errors)


def unknown_names(environment: Iterable[str], *, known: frozenset[str], prefix: str) -> list[str]:
    """Return a line for each name that has our prefix but is not a setting, with the most similar setting."""
    return [
        f"{name} is not a setting{suggestion(name, known)}"
        for name in sorted(environment)
        if name.startswith(prefix) and name not in known
    ]


def suggestion(name: str, known: frozenset[str]) -> str:
    """Return a suggestion ("; did you mean …?") to add after the name; empty when nothing is similar."""
    similar = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.8)
    return f"; did you mean {similar[0]}?" if similar else ""


def wrong_values(error: ValidationError, *, allowed: Mapping[str, str]) -> list[str]:
    """Return a line for each bad value: name, value unless it may hold a secret, reason, and what is allowed."""
    lines = []
    for problem in error.errors(include_url=False, include_context=False):
        name = str(problem["loc"][0])
        value = f"is {problem['input']!r}"
        if name in SECRET_NAMES or _MAY_HOLD_PASSWORD.search(value):
            value = "has a wrong value"
        reason = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{name} {value} ({reason}); allowed: {allowed[name]}")
    return lines
