"""The secret key of embedded mode: create and store it, so that a first start needs no settings."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

MIN_LENGTH = 32  # characters
FILE_NAME = "secret-key"


def read_or_create(directory: Path) -> str:
    """Return the key in `directory`; create it first if there is none.

    Processes that start together get the same key. Only the owner can read the file. Raise `OSError` when the directory
    is not writable.
    """
    file = directory / FILE_NAME
    if not file.exists():
        create(file)
    return file.read_text(encoding="ascii").strip()


def create(file: Path) -> None:
    """Write a new key to a temporary file, then link it to its name; if the name exists by then, keep that file."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=f"{FILE_NAME}-")  # mkstemp creates it with mode 600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(secrets.token_urlsafe(MIN_LENGTH) + "\n")
            stream.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        Path(draft).unlink()
