"""Says what is wrong with the settings, all at once, in words an operator can act on."""

import difflib
from collections.abc import Iterable, Mapping, Sequence

from pydantic import ValidationError

SECRET_NAMES = frozenset({"DATABASE_URL", "REDIS_URL", "SMTP_URL", "OKR_SYNC_SECRET_KEY"})


class WrongSettings(ValueError):
    """The service can't start with these settings. `mistakes` holds one line for each."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


def unknown_names(environment: Iterable[str], *, known: frozenset[str], prefix: str) -> list[str]:
    """Return a line for each name that begins like one of ours and is none, with the nearest that is."""
    return [
        f"{name} is not a setting{suggestion(name, known)}"
        for name in sorted(environment)
        if name.startswith(prefix) and name not in known
    ]


def suggestion(name: str, known: frozenset[str]) -> str:
    """Return what the name may have been meant to be, ready to follow it, or nothing."""
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.8)
    return f"; did you mean {near[0]}?" if near else ""


def wrong_values(error: ValidationError, *, allowed: Mapping[str, str]) -> list[str]:
    """Return a line for each bad value: name, value unless it may hold a secret, reason, and what is allowed."""
    lines = []
    for problem in error.errors(include_url=False, include_context=False):
        name = str(problem["loc"][0])
        value = "has a wrong value" if name in SECRET_NAMES else f"is {problem['input']!r}"
        reason = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{name} {value} ({reason}); allowed: {allowed[name]}")
    return lines
