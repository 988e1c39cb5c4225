"""Every Python from 3.11 that this machine has, for tests of what differs between them."""

import os
import shutil
import subprocess
import sys
from functools import cache
from itertools import chain
from pathlib import Path

OLDEST = (3, 11)
SYSTEM = ("/usr/bin", "/usr/local/bin")
PLACES = (
    ".pyenv/versions/*/bin/python3",
    ".local/share/uv/python/*/bin/python3",
    ".asdf/installs/python/*/bin/python3",
)
"""Where version managers keep them, below the home directory."""

TELL_VERSION = "import sys; print(*sys.version_info[:3], sys.implementation.name, sep='.')"


@cache
def found_pythons() -> dict[str, str]:
    """Return the commands by their versions, like `3.12.1`, oldest first: CPython only, one of each version."""
    names = ("python3", *(f"python3.{minor}" for minor in range(OLDEST[1], 20)))
    paths = (None, *SYSTEM)
    named = [shutil.which(name, path=path) for name in names for path in paths]
    kept = chain.from_iterable(sorted(Path.home().glob(place)) for place in PLACES)
    found: dict[tuple[int, ...], str] = {sys.version_info[:3]: sys.executable}
    for command in {os.path.realpath(one) for one in (*named, *kept) if one}:
        version = _version(command)
        if version >= OLDEST:
            found.setdefault(version, command)
    return {".".join(map(str, version)): found[version] for version in sorted(found)}


def _version(command: str) -> tuple[int, ...]:
    """Return the version of a CPython; (0,) for anything else."""
    told = subprocess.run([command, "-I", "-c", TELL_VERSION], capture_output=True, text=True, check=False)
    *numbers, kind = told.stdout.strip().rsplit(".", 3)
    return tuple(map(int, numbers)) if told.returncode == 0 and kind == "cpython" else (0,)
