"""Secret references of a file: `env:NAME`, `file:PATH`, `kept`, or the secret itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sync_service.config_file.read.models import Connection

KEPT = "kept"
"""Stands for the stored secret; exports write it."""

_REFERENCES = ("env:", "file:")

NOT_READ = "a secret that was not read"
"""Stands for a secret that is not stored yet, where references are not followed."""

_BYTE_ORDER_MARK = "\ufeff"
"""Some editors write it in front of a text."""

LARGEST = 65536
"""The most bytes of a file that holds a secret."""


LEAST_WEBHOOK_SECRET = 8
"""The fewest characters of a webhook secret: whoever guesses it can send any delivery."""


class MissingSecret(Exception):
    """A secret that is missing or unusable: what was found, and what is allowed. Never the secret itself."""

    def __init__(self, found: str, allowed: str) -> None:
        super().__init__(f"found {found}; allowed: {allowed}")
        self.found, self.allowed = found, allowed


def resolve(written: str, *, environment: Mapping[str, str], beside: Path) -> str:
    """Return the secret; `beside` is the directory that a relative path starts from. Raise `MissingSecret`."""
    secret = _resolve(written, environment=environment, beside=beside)
    if not secret.strip():
        raise MissingSecret("a secret of blanks only", "a secret with visible characters")
    return secret


def _resolve(written: str, *, environment: Mapping[str, str], beside: Path) -> str:
    if written.startswith("env:"):
        name = written.removeprefix("env:").strip()
        secret = environment.get(name, "").lstrip(_BYTE_ORDER_MARK).strip()
        if not secret:
            raise MissingSecret(f"env:{name}, which is not set or empty", f"{name} set in the environment or in .env")
        return secret
    if written.startswith("file:"):
        return _from_file(written.removeprefix("file:").strip(), beside)
    return written


def _from_file(named: str, beside: Path) -> str:
    path = Path(named)
    try:
        path = beside / path.expanduser()
        with path.open("rb") as stream:
            secret = stream.read(LARGEST + 1).decode("utf-8-sig").strip()
    except OSError as error:
        raise MissingSecret(f"file:{path} ({error.strerror})", "the path of a file that can be read") from error
    except UnicodeDecodeError as error:
        raise MissingSecret(f"file:{path}, which is not text", "a file with the secret as text") from error
    except (ValueError, RuntimeError) as error:  # a NUL character; the home directory of an unknown user
        raise MissingSecret(f"file:{path}, which is no path here", "the path of a file that can be read") from error
    if not secret or len(secret) > LARGEST:
        raise MissingSecret(f"file:{path}, which is empty or too large", "a file with the secret and nothing else")
    return secret


def resolve_webhook_secrets(
    form: Connection, *, stored: Sequence[str], environment: Mapping[str, str] | None, beside: Path
) -> tuple[str, ...]:
    """Return the webhook secrets of a connection, the newest first; `kept` stands for all stored ones.

    Without an `environment` a reference stands for the stored ones too.
    """
    found: list[str] = []
    for written in form.webhook_secrets:
        if environment is None and written.startswith(_REFERENCES):
            found += stored or [NOT_READ]
        elif written != KEPT:
            found.append(_long_enough(resolve(written, environment=environment or {}, beside=beside)))
        elif stored:
            found += stored
        else:
            raise MissingSecret(KEPT, "kept only if a secret is already stored")
    return tuple(dict.fromkeys(found))


def _long_enough(secret: str) -> str:
    if len(secret.strip()) < LEAST_WEBHOOK_SECRET:
        raise MissingSecret(
            f"a webhook secret of {len(secret.strip())} characters",
            f"{LEAST_WEBHOOK_SECRET} characters or more, like those of: openssl rand -hex 32",
        )
    return secret


def resolve_secret(
    written: str | None, *, stored: str | None, environment: Mapping[str, str] | None, beside: Path, what: str
) -> str | None:
    """Return the secret, called `what` in errors; None when none is written.

    Without an `environment` a reference stands for the stored one.
    """
    if written is None:
        return None
    if environment is None and written.startswith(_REFERENCES):
        return stored or NOT_READ
    if written != KEPT:
        return resolve(written, environment=environment or {}, beside=beside)
    if stored is None:
        raise MissingSecret(KEPT, f"kept only if {what} is already stored")
    return stored
