"""Makes and keeps the secret key of embedded mode, so that a first start needs no settings at all."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

SHORTEST = 32  # characters
FILE_NAME = "secret-key"


def kept_secret_key(directory: Path) -> str:
    """Return the key in `directory`, made first if there is none. Processes that start together get the same one.

    The file is readable by its owner alone. Raises `OSError` when the directory can't be written.
    """
    file = directory / FILE_NAME
    if not file.exists():
        make(file)
    return file.read_text(encoding="ascii").strip()


def make(file: Path) -> None:
    """Write a new key whole, then give it its name; whoever comes second leaves the first one's file."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=f"{FILE_NAME}-")  # mode 600 by its contract
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(secrets.token_urlsafe(SHORTEST) + "\n")
            stream.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        Path(draft).unlink()
