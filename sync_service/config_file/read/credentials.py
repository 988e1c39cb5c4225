"""Credentials of a connection in a file: a token, an app or an OAuth app, and the webhook secrets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sync_service.config_file.read import models
from sync_service.config_file.read.errors import FileError
from sync_service.config_file.read.parse import FileItem
from sync_service.config_file.read.secret_refs import MissingSecret, resolve_secret, resolve_webhook_secrets
from sync_service.config_file.read.state import Fields
from sync_service.domain.trackers.connector import Connector
from sync_service.domain.trackers.write_back import WritesBack

Secrets = TypeVar("Secrets")

_NAMES: Mapping[str, str] = {"token": "a token", "app": "an app", "oauth": "an OAuth app"}


@dataclass(slots=True, kw_only=True)
class CredentialsResolver:
    """Resolves the secrets of one connection; `stored` are its present fields. Collects the errors."""

    part: FileItem
    stored: Fields
    connector: Connector
    environment: Mapping[str, str] | None
    errors: list[FileError] = field(default_factory=list)

    def fields(self) -> dict[str, Any]:
        """Return the credentials and `webhook_secrets`; they are complete only when there are no errors."""
        form: models.Connection = self.part.form
        app: models.App | None = getattr(form, "app", None)
        oauth: models.OAuth | None = getattr(form, "oauth", None)
        self._check(form)
        return {
            "token": self._secret(("token",), form.token, self.stored.get("token"), "a token"),
            "app": self._app(app) if app else None,
            "oauth": self._oauth(oauth) if oauth else None,
            "webhook_secrets": self._webhook_secrets(form),
        }

    def _check(self, form: models.Connection) -> None:
        """Find two kinds of credentials at once, and `import` or `write_back` without any."""
        allowed = [name for name in models.CREDENTIALS if name in type(form).model_fields]
        given = [name for name in allowed if getattr(form, name) is not None]
        if len(given) > 1:
            self._add_error(
                (given[1],), f"both {given[0]} and {given[1]}", f"one of {' and '.join(allowed)}, or neither"
            )
        what = " or ".join(_NAMES[name] for name in allowed)
        if form.earlier == "import" and not given:
            self._add_error(("earlier",), f"import without {what}", f"ignore, or import with {what}")
        if form.write_back and not isinstance(self.connector, WritesBack):
            self._add_error(("write_back",), f"true, which {self.connector.title} does not support yet", "false")
        elif form.write_back and not given:
            self._add_error(("write_back",), f"true without {what}", f"false, or true with {what}")

    def _oauth(self, oauth: models.OAuth) -> dict[str, Any]:
        stored = (self.stored.get("oauth") or {}).get("client_secret")
        secret = self._secret(("oauth", "client_secret"), oauth.client_secret, stored, "a client secret")
        return {"client_id": oauth.client_id, "client_secret": secret}

    def _app(self, app: models.App) -> dict[str, Any]:
        stored = (self.stored.get("app") or {}).get("private_key")
        key = self._secret(("app", "private_key"), app.private_key, stored, "a private key")
        return {"id": app.id, "private_key": key}

    def _secret(self, path: tuple[str, ...], written: str | None, stored: str | None, what: str) -> str | None:
        beside = Path(self.part.written.file).parent
        return self._resolve(
            path, lambda: resolve_secret(written, stored=stored, environment=self.environment, beside=beside, what=what)
        )

    def _webhook_secrets(self, form: models.Connection) -> tuple[str, ...]:
        beside, stored = Path(self.part.written.file).parent, self.stored.get("webhook_secrets", ())
        found = self._resolve(
            ("webhook_secrets",),
            lambda: resolve_webhook_secrets(form, stored=stored, environment=self.environment, beside=beside),
        )
        return found or ()

    def _resolve(self, path: tuple[str, ...], resolve: Callable[[], Secrets]) -> Secrets | None:
        try:
            return resolve()
        except MissingSecret as error:
            self._add_error(path, error.found, error.allowed)
            return None

    def _add_error(self, path: tuple[str, ...], found: str, allowed: str) -> None:
        self.errors.append(self.part.error_at(path, found, allowed))
