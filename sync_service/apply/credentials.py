"""What a connection of a file calls with and believes: a token or an app, and webhook secrets, each looked up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sync_service.apply import models
from sync_service.apply.document import Part
from sync_service.apply.given_secrets import NoSecret, all_secrets, one_secret
from sync_service.apply.mistakes import Mistake
from sync_service.apply.state import Fields
from sync_service.domain.connectors import Connector

Found = TypeVar("Found")


@dataclass(slots=True, kw_only=True)
class Given:
    """Looks up the secrets of one connection; `stored` are its fields as they stand. Mistakes gather."""

    part: Part
    stored: Fields
    connector: Connector
    environment: Mapping[str, str]
    mistakes: list[Mistake] = field(default_factory=list)

    def fields(self) -> dict[str, Any]:
        """Give the fields `token`, `app` and `webhook_secrets`; they are whole only where there are no mistakes."""
        form: models.Connection = self.part.form
        app: models.App | None = getattr(form, "app", None)
        self._check(form, app)
        return {
            "token": self._secret(("token",), form.token, self.stored.get("token"), "a token"),
            "app": self._app(app) if app else None,
            "webhook_secrets": self._webhook_secrets(form),
        }

    def _check(self, form: models.Connection, app: models.App | None) -> None:
        """Find credentials of both kinds, and an import without any."""
        if form.token is not None and app is not None:
            self._mistake(("app",), "both token and app", "one of token and app, or neither")
        if form.earlier == "import" and form.token is None and app is None:
            takes_app = any(option.form == "app" for option in self.connector.options)
            what = "a token or an app" if takes_app else "a token"
            self._mistake(("earlier",), f"import without {what}", f"ignore, or import with {what}")

    def _app(self, app: models.App) -> dict[str, Any]:
        stored = (self.stored.get("app") or {}).get("private_key")
        key = self._secret(("app", "private_key"), app.private_key, stored, "a private key")
        return {"id": app.id, "private_key": key}

    def _secret(self, way: tuple[str, ...], written: str | None, stored: str | None, what: str) -> str | None:
        beside = Path(self.part.written.file).parent
        return self._looked_up(
            way, lambda: one_secret(written, stored=stored, environment=self.environment, beside=beside, what=what)
        )

    def _webhook_secrets(self, form: models.Connection) -> tuple[str, ...]:
        beside, stored = Path(self.part.written.file).parent, self.stored.get("webhook_secrets", ())
        found = self._looked_up(
            ("webhook_secrets",),
            lambda: all_secrets(form, stored=stored, environment=self.environment, beside=beside),
        )
        return found or ()

    def _looked_up(self, way: tuple[str, ...], look_up: Callable[[], Found]) -> Found | None:
        try:
            return look_up()
        except NoSecret as error:
            self._mistake(way, error.found, error.allowed)
            return None

    def _mistake(self, way: tuple[str, ...], found: str, allowed: str) -> None:
        self.mistakes.append(self.part.mistake(way, found, allowed))
