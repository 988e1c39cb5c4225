"""Pydantic models of the configuration file. A field's description says what is allowed, also in error messages."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    create_model,
    model_validator,
)

from sync_service.domain.measures.settings import SETTINGS
from sync_service.domain.people.mail_address import smtp_address
from sync_service.domain.trackers.connector import Connector, Option

_EMAIL = re.compile(r"[^@\s<>,;\"']+@[^@\s<>,;\"']+")
_DATE = re.compile(r"2[01][0-9]{2}-[0-9]{2}-[0-9]{2}", re.ASCII)
_NO_CHARACTERS = ("\ufffe", "\uffff")

SLUG = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


def _email(written: str) -> str:
    if not _EMAIL.fullmatch(written):
        raise ValueError("not an e-mail address")
    smtp_address(written)  # a mistake is told here, and not when a mail is sent
    return written.lower()


def _text(written: str) -> str:
    if not written.strip() or any(
        unicodedata.category(one) in ("Cc", "Cs") or one in _NO_CHARACTERS for one in written
    ):
        raise ValueError("not a line of text")
    return written.strip()


def _date(written: object) -> date:
    if not isinstance(written, str) or not _DATE.fullmatch(written):
        raise ValueError("not a date")
    return date.fromisoformat(written)


_zones = cache(available_timezones)  # it reads a directory of files


def _zone(written: str) -> str:
    if written not in _zones():
        raise ValueError("not a time zone")
    return written


def _app_id(written: object) -> object:
    return str(written) if isinstance(written, int) and not isinstance(written, bool) else written


Slug = Annotated[str, StringConstraints(pattern=SLUG, max_length=100)]
Email = Annotated[str, StringConstraints(max_length=320), AfterValidator(_email)]
Text = Annotated[str, StringConstraints(max_length=500), AfterValidator(_text)]
Day = Annotated[date, BeforeValidator(_date)]
Zone = Annotated[str, AfterValidator(_zone)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=65536)]
AppId = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100),
    BeforeValidator(_app_id),
    WithJsonSchema({"type": ["string", "integer"]}),
]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e15, le=1e15)]
Weight = Annotated[float, Field(allow_inf_nan=False, gt=0, le=1e6)]
Texts = Annotated[tuple[Text, ...], Field(strict=False)]

_A_SLUG = "a short name for files and addresses: letters, digits, '.', '_' and '-', 100 at most"
_A_TEXT = "text of one line, 500 characters at most"
_A_PERSON = "the e-mail address of one of the people"
_A_WEIGHT = "a number above 0"


class Form(BaseModel):
    """A part of the file: no other fields, no type conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Team(Form):
    """A team that has objectives."""

    slug: Slug = Field(description=_A_SLUG)
    name: Text = Field(description=_A_TEXT)


class Person(Form):
    """A person who owns key results, works on issues, or only reads."""

    email: Email = Field(description="an e-mail address, like ana@example.com")
    name: Text = Field(description=_A_TEXT)
    team: Slug | None = Field(default=None, description="the slug of one of the teams")
    role: Literal["admin", "member", "viewer"] = Field(default="member", description="admin, member or viewer")
    timezone: Zone | None = Field(
        default=None, description="a time zone by its IANA name, like Europe/Madrid; default: the organisation's"
    )
    accounts: dict[str, Text] = Field(
        default_factory=dict,
        description="the person's accounts by kind of tracker: a GitHub login, a Jira account id in quotes",
    )


class Cycle(Form):
    """A period, in days, that objectives are set for."""

    slug: Slug = Field(description=_A_SLUG)
    name: Text = Field(description=_A_TEXT)
    starts: Day = Field(description="the first day, like 2026-10-01")
    ends: Day = Field(description="the last day, like 2026-12-31, not before the first")


class App(Form):
    """An app registered at the tracker, as a connection's credentials."""

    id: AppId = Field(description="the app's client id or number, as the tracker shows it")
    private_key: Secret = Field(description="the app's private key (PEM): env:NAME, file:PATH, kept, or the key itself")


class OAuth(Form):
    """An OAuth app registered at the tracker, which a person authorises on the connection's page."""

    client_id: AppId = Field(description="the OAuth app's client id, as the tracker shows it")
    client_secret: Secret = Field(
        description="the OAuth app's client secret: env:NAME, file:PATH, kept, or the secret itself"
    )


class StartedBy(Form):
    """What shows that work on an issue has started, where the tracker has no status for it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"oneOf": [{"required": ["label"]}, {"required": ["project_status"]}]}
    )

    label: Text | None = Field(default=None, description="the name of a label: work starts when an issue first has it")
    project_status: Text | None = Field(
        default=None, description="the name of a status of a project: work starts when an issue first has it"
    )

    @model_validator(mode="after")
    def _names_one(self) -> "StartedBy":
        if (self.label is None) == (self.project_status is None):
            raise ValueError("not one of the two")
        return self


class Connection(Form):
    """One tracker; each kind adds its own options."""

    slug: Slug = Field(description=_A_SLUG + "; webhooks are sent to /hooks/SLUG")
    kind: str = Field(description="the kind of tracker")
    site: Text | None = Field(default=None, description="the tracker's address, like https://acme.atlassian.net")
    owner: Email | None = Field(default=None, description=_A_PERSON + ", who gets a mail when the connection breaks")
    webhook_secrets: Annotated[tuple[Secret, ...], Field(strict=False)] = Field(
        default=(),
        description="a list of secrets of 8 characters or more, newest first: env:NAME, file:PATH, kept or the secret",
    )
    token: Secret | None = Field(
        default=None, description="an API token: env:NAME, file:PATH, kept, or the token itself"
    )
    scopes: Texts = Field(default=(), description="a list of repositories (owner/name) or project keys to watch")
    earlier: Literal["import", "ignore"] = Field(
        description="import (what exists already counts; needs credentials) or ignore (only what comes from now on)"
    )
    write_back: bool = Field(
        default=False,
        description="true (a note on each linked issue lists its key results; needs credentials) or false",
    )


class KeyResult(Form):
    """A number to move from start to target. Missing fields follow from the measure."""

    slug: Slug = Field(description=_A_SLUG)
    title: Text = Field(description=_A_TEXT)
    owner: Email | None = Field(default=None, description=_A_PERSON + "; default: the objective's owner")
    weight: Weight = Field(default=1.0, description=_A_WEIGHT + ": its share in the objective's progress")
    start: Number | None = Field(default=None, description="the value at the start, a number in the unit")
    target: Number | None = Field(default=None, description="the value to reach, a number other than the start")
    unit: Annotated[str, StringConstraints(max_length=50)] | None = Field(
        default=None, description="text of 50 characters at most, like % or days"
    )
    measure: dict[str, Any] = Field(description="a mapping with kind, one of " + ", ".join(SETTINGS))


class ObjectiveFields(Form):
    """An objective without its key results, which are validated one by one."""

    slug: Slug = Field(description=_A_SLUG)
    title: Text = Field(description=_A_TEXT)
    cycle: Slug = Field(description="the slug of one of the cycles")
    team: Slug | None = Field(default=None, description="the slug of one of the teams")
    owner: Email | None = Field(default=None, description=_A_PERSON)


class Objective(ObjectiveFields):
    """What a team wants to reach in a cycle."""

    key_results: Annotated[tuple[KeyResult, ...], Field(strict=False)] = Field(
        default=(), description="a list of key results"
    )


class Rule(Form):
    """Which issues of a connection count toward a key result."""

    slug: Slug = Field(description=_A_SLUG)
    owner: Email | None = Field(default=None, description=_A_PERSON)
    connection: Slug = Field(description="the slug of one of the connections")
    key_result: Slug = Field(description="the slug of one of the key results")
    when: dict[str, Any] | None = Field(
        default=None, description="a condition on issues, like {field: labels, has: checkout}"
    )
    query: Annotated[str, StringConstraints(min_length=1, max_length=10_000)] | None = Field(
        default=None, description="a GitHub search or JQL, instead of a condition"
    )
    enabled: bool = Field(default=True, description="true or false")


class Link(Form):
    """One issue that counts toward a key result, whatever the rules are."""

    key_result: Slug = Field(description="the slug of one of the key results")
    issue: Text = Field(description="CONNECTION:KEY, like acme-github:acme/checkout#12")
    weight: Weight = Field(default=1.0, description=_A_WEIGHT)


SECTIONS: Mapping[str, type[Form]] = {
    "teams": Team,
    "people": Person,
    "cycles": Cycle,
    "connections": Connection,
    "objectives": Objective,
    "rules": Rule,
    "links": Link,
}
"""The sections of a file; each is a list of these."""

CREDENTIALS = ("token", "app", "oauth")
"""Fields of a connection of which at most one may be set."""

SECRET_FIELDS = (*CREDENTIALS, "webhook_secrets")
"""Fields of a connection whose values are never shown."""

NESTED_MODELS: Mapping[str, type[Form]] = {"app": App, "oauth": OAuth, "started_by": StartedBy}
"""Models of fields that have their own fields."""


_FORMS: Mapping[str, Any] = {
    "text": Text,
    "texts": Texts,
    "flag": bool,
    "start": StartedBy,
    "app": App,
    "oauth": OAuth,
}


def connection_models(connectors: Iterable[Connector]) -> dict[str, type[Connection]]:
    """Return the models of connections by kind."""
    return {one.kind: _connection_model(one.kind, one.title, one.default_site, one.options) for one in connectors}


@cache
def _connection_model(kind: str, title: str, default_site: str | None, options: tuple[Option, ...]) -> type[Connection]:
    """Return the model of a connection of one kind: its site may have a default, and it has its own options."""
    fields: dict[str, Any] = {"kind": (Literal[kind], Field(description=f"{kind}: {title}"))}
    if default_site:
        what = f"{title}'s address; default: {default_site}"
        fields["site"] = (Text | None, Field(default=None, description=what))
    else:
        fields["site"] = (Text, Field(description=f"{title}'s address, like https://tracker.example.com"))
    for option in options:
        # A secret option would need encryption, which only the common fields have.
        if option.form != "secret":
            form = _FORMS[option.form]
            fields[option.name] = (form | None, Field(default=None, description=option.help))
    name = f"{kind.replace('-', ' ').title().replace(' ', '')}Connection"
    model: type[Connection] = create_model(name, __base__=Connection, __doc__=f"A connection to {title}.", **fields)
    return model
