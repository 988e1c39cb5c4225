"""All settings: read once from the environment and `.env`, validated, and frozen.

Each description says what is allowed; the error message of a bad value ends with it.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from dotenv import dotenv_values
from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from config import passwords, urls
from config.errors import InvalidSettings, unknown_names, wrong_values
from config.listening import all_interfaces
from config.secret_key import MIN_LENGTH, read_or_create
from sync_service.domain.people.mail_address import host_literal, mailbox

PREFIX = "OKR_SYNC_"
TOKEN = "OKR_SYNC_TOKEN"  # noqa: S105 - the name of a setting
"""The API token of `okr-sync plan --server`. No process of the service reads it."""

ENV_FILE = Path(".env")
LONGEST_SETTLING = 30 * 86_400  # seconds
_zones = cache(available_timezones)  # it reads a directory of files


class Settings(BaseSettings):
    """The settings of one process. They do not change while it runs, and there is no global instance."""

    model_config = SettingsConfigDict(
        frozen=True,
        case_sensitive=True,
        extra="ignore",
        env_ignore_empty=True,
        env_file=ENV_FILE,
        env_file_encoding="utf-8-sig",
    )

    given_database_url: Annotated[str, AfterValidator(urls.database_url)] | None = Field(
        default=None,
        validation_alias="DATABASE_URL",
        repr=False,
        description="postgresql://USER:PASSWORD@HOST:PORT/NAME, or nothing for a SQLite file in the data directory",
    )
    redis_url: Annotated[str, AfterValidator(urls.redis_url)] | None = Field(
        default=None,
        validation_alias="REDIS_URL",
        repr=False,
        description="redis://HOST:PORT/0, rediss://… or unix:///PATH, or nothing for a private server",
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        validation_alias="SMTP_URL",
        description="smtp://USER:PASSWORD@HOST:PORT, smtps://…, smtp+starttls://… or smtp+plain://…, "
        "or nothing for the local mailbox",
    )
    ehlo_name: Annotated[str, AfterValidator(urls.ehlo_name)] | None = Field(
        default=None,
        validation_alias="OKR_SYNC_EHLO_NAME",
        description="the host name by which the SMTP server knows this machine, like okr.example.com or [192.0.2.1]",
    )
    port: int = Field(
        default=8080,
        validation_alias="PORT",
        ge=1,
        le=65535,
        description="a port from 1 to 65535; when set, the web process listens on all interfaces",
    )
    data_dir: Annotated[Path, AfterValidator(lambda path: urls.expanded(path).absolute())] = Field(
        default=Path("var"),
        validate_default=True,
        validation_alias="OKR_SYNC_DATA_DIR",
        description="a directory for the SQLite file, the secret key and the private Redis, used by nothing else",
    )
    given_base_url: Annotated[str, AfterValidator(urls.base_url)] | None = Field(
        default=None,
        validation_alias="OKR_SYNC_BASE_URL",
        description="the http or https address at which people and trackers reach the service",
    )
    given_secret_key: SecretStr | None = Field(
        default=None,
        validation_alias="OKR_SYNC_SECRET_KEY",
        description=f"{MIN_LENGTH} characters or more; to change it, several separated by commas, the newest first",
    )
    given_mail_from: str | None = Field(
        default=None,
        validation_alias="OKR_SYNC_MAIL_FROM",
        description="one address, like OKR Sync <okr@example.com>",
    )
    settle_seconds: int = Field(
        default=600,
        validation_alias="OKR_SYNC_SETTLE_SECONDS",
        ge=0,
        le=LONGEST_SETTLING,
        description="whole seconds that a status notice waits for further changes, 0 or more, "
        f"{LONGEST_SETTLING} at most",
    )
    timezone: str = Field(
        default="UTC",
        validation_alias="OKR_SYNC_TIMEZONE",
        description="the organisation's time zone by its IANA name, like Europe/Madrid",
    )
    log_format: Literal["console", "json"] = Field(
        default="console", validation_alias="OKR_SYNC_LOG_FORMAT", description="console or json"
    )
    web_workers: int = Field(
        default=1, validation_alias="OKR_SYNC_WEB_WORKERS", ge=1, description="how many web processes, 1 or more"
    )
    web_threads: int = Field(
        default=8,
        validation_alias="OKR_SYNC_WEB_THREADS",
        ge=1,
        description="how many threads in each web process, 1 or more",
    )
    proxy_hops: int = Field(
        default=0,
        validation_alias="OKR_SYNC_PROXY_HOPS",
        ge=0,
        description="how many reverse proxies are in front and set X-Forwarded-For, 0 or more",
    )

    allow_private_sites: bool = Field(
        default=False,
        validation_alias="OKR_SYNC_ALLOW_PRIVATE_SITES",
        description="true or false: whether people may connect trackers in private networks by the web pages",
    )

    @field_validator("smtp_url")
    @classmethod
    def _smtp_url_is_valid(cls, written: SecretStr | None) -> SecretStr | None:
        if written is not None:
            urls.smtp_server(written.get_secret_value())
        return written

    @field_validator("given_secret_key")
    @classmethod
    def _secret_keys_are_long(cls, written: SecretStr | None) -> SecretStr | None:
        if written is not None and any(len(key) < MIN_LENGTH for key in split_keys(written)):
            raise ValueError("it is too short")
        return written

    @field_validator("given_mail_from")
    @classmethod
    def _mail_from_is_one_address(cls, written: str | None) -> str | None:
        if written is not None:
            mailbox(written)
        return written

    @field_validator("timezone")
    @classmethod
    def _timezone_is_known(cls, written: str) -> str:
        if written not in _zones():
            raise ValueError("there is no such time zone")
        return written

    @property
    def embedded(self) -> bool:
        """Whether no database is configured: then everything is in the data directory."""
        return self.given_database_url is None

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the database; in embedded mode the file `okr-sync.db` in the data directory."""
        return self.given_database_url or f"sqlite:///{self.data_dir / 'okr-sync.db'}"

    @property
    def smtp(self) -> urls.SmtpServer | None:
        """The SMTP server; None for the local mailbox."""
        if self.smtp_url is None:
            return None
        return replace(urls.smtp_server(self.smtp_url.get_secret_value()), ehlo_name=self.ehlo_name)

    @property
    def host(self) -> str:
        """The interface to listen on: all interfaces when a platform set PORT, else this machine only."""
        return all_interfaces() if "port" in self.model_fields_set else "127.0.0.1"

    @property
    def base_url(self) -> str:
        """The base URL of the service for links, without a slash at the end."""
        return self.given_base_url or f"http://127.0.0.1:{self.port}"

    @property
    def base_path(self) -> str:
        """The path of the base URL: below it are all our addresses. Empty, or like `/okr`."""
        return urlsplit(self.base_url).path

    @property
    def mail_from(self) -> str:
        """The sender of our mails; by default `okr-sync` at the host of the base URL."""
        host = host_literal(urlsplit(self.base_url).hostname or "")
        return self.given_mail_from or f"OKR Sync <okr-sync@{host}>"

    @property
    def zone(self) -> ZoneInfo:
        """The organisation's time zone, in which its days begin and end."""
        return ZoneInfo(self.timezone)

    def secret_keys(self) -> tuple[str, ...]:
        """Return the secret keys. The first encrypts; the others decrypt what they once encrypted.

        In embedded mode the first call creates the key and stores it in the data directory.
        """
        if self.given_secret_key is not None:
            return split_keys(self.given_secret_key)
        return (read_or_create(self.data_dir),)


def read_settings() -> Settings:
    """Read and validate the settings of this process. Raise `InvalidSettings` with every error at once."""
    try:
        environment = read_environment()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InvalidSettings([f"{ENV_FILE}, line {line}: is not UTF-8; save the file in that encoding"]) from None
    passwords.add_from(environment)
    errors = unknown_names(environment, known=known_names(), prefix=PREFIX)
    try:
        settings = Settings()
    except ValidationError as error:
        raise InvalidSettings([*errors, *wrong_values(error, allowed=allowed_values())]) from None
    if not settings.embedded and settings.given_secret_key is None:
        errors.append(
            "OKR_SYNC_SECRET_KEY is missing; it must be set with DATABASE_URL, the same for every process. "
            "Create one: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    errors += _sender_errors(settings)
    if errors:
        raise InvalidSettings(errors)
    return settings


def _sender_errors(settings: Settings) -> list[str]:
    """Return an error where no sender follows from the base URL, so that no mail could be built later."""
    try:
        mailbox(settings.mail_from)
    except ValueError as error:
        return [f"OKR_SYNC_MAIL_FROM is missing; it must be set, because {error}"]
    return []


def read_environment() -> Mapping[str, str]:
    """Return the variables of `.env` and of the environment, which wins. `env:NAME` in a file means these."""
    from_file = dotenv_values(ENV_FILE, encoding="utf-8-sig")
    return {name: value for name, value in {**from_file, **os.environ}.items() if value is not None}


def allowed_values() -> dict[str, str]:
    """Return what is allowed for each setting, by its name in the environment."""
    return {str(field.validation_alias): field.description or "" for field in Settings.model_fields.values()}


def known_names() -> frozenset[str]:
    """Return the names of all settings in the environment."""
    return frozenset([*allowed_values(), TOKEN])


def split_keys(written: SecretStr) -> tuple[str, ...]:
    """Return the keys of a comma-separated list, in the order written."""
    return tuple(key.strip() for key in written.get_secret_value().split(","))
