"""File errors: where (file, line, field), what was found, what is allowed; all of them at once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sync_service.domain.text import did_you_mean

__all__ = ["FileError", "InvalidFiles", "Path", "did_you_mean", "format_path", "format_value"]

Path = tuple[str | int, ...]
"""The path to a value in a file: `("connections", 0, "slug")`."""

_USER_AND_PASSWORD = re.compile(r"(?<=://)\S*@")

LONGEST = 80
"""How many characters of a found value are shown."""


@dataclass(frozen=True, slots=True, order=True)
class FileError:
    """One error. `line` counts from 1; `field` is the path to the value as people write it."""

    file: str
    line: int
    field: str
    found: str
    allowed: str

    def __str__(self) -> str:
        """Return one line, in the form that editors can jump to."""
        where = f"{self.file}:{self.line}: " + (f"{self.field}: " if self.field else "")
        return f"{where}found {self.found}; allowed: {self.allowed}"


class InvalidFiles(Exception):
    """Files that cannot be applied. `errors` are sorted by file and line."""

    def __init__(self, errors: Iterable[FileError]) -> None:
        self.errors = tuple(sorted(set(errors)))
        super().__init__("\n".join(str(one) for one in self.errors))


def format_path(path: Path) -> str:
    """Format a path as `connections[0].slug`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def format_value(value: object) -> str:
    """Format a found value, shortened, without user and password of an address."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list) and not all(isinstance(one, str) for one in value):
        return f"a list of {len(value)}"
    text = _USER_AND_PASSWORD.sub("…@", repr(value))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
