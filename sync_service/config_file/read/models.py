"""Pydantic models of the configuration file. A field's description says what is allowed, also in error messages."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints, create_model, model_validator

from sync_service.config_file.read.field_types import (
    A_PERSON,
    A_SLUG,
    A_TEXT,
    A_WEIGHT,
    A_ZONE,
    AppId,
    CadenceText,
    Contradiction,
    Day,
    Email,
    Form,
    Number,
    Secret,
    Slug,
    Text,
    Texts,
    Weight,
    Zone,
)
from sync_service.config_file.read.settings_models import (
    A_CADENCE,
    Calendar,
    CustomField,
    CustomFields,
    Organisation,
    Quiet,
    Stay,
    Thresholds,
)
from sync_service.domain.measures.settings import SETTINGS
from sync_service.domain.trackers.connector import Connector, Option

_AS_PARENT = "default: as the parent team, then the organisation"


class Team(Form):
    """A team that has objectives."""

    slug: Slug = Field(description=A_SLUG)
    name: Text = Field(description=A_TEXT)
    parent: Slug | None = Field(default=None, description="the slug of the team that it belongs to")
    timezone: Zone | None = Field(default=None, description=f"{A_ZONE}; {_AS_PARENT}")
    thresholds: Thresholds | None = Field(default=None, description=f"a mapping of at_risk and behind; {_AS_PARENT}")
    calendar: Calendar | None = Field(
        default=None, description=f"a mapping of country, subdivision and days; {_AS_PARENT}"
    )
    cadence: CadenceText | None = Field(default=None, description=f"{A_CADENCE}; {_AS_PARENT}")


class Person(Form):
    """A person who owns key results, works on issues, or only reads."""

    email: Email = Field(description="an e-mail address, like ana@example.com")
    name: Text = Field(description=A_TEXT)
    team: Slug | None = Field(default=None, description="the slug of one of the teams")
    role: Literal["admin", "member", "viewer"] = Field(default="member", description="admin, member or viewer")
    timezone: Zone | None = Field(default=None, description=f"{A_ZONE}; default: the organisation's")
    accounts: dict[str, Text] = Field(
        default_factory=dict,
        description="the person's accounts by kind of tracker: a GitHub login, a Jira account id in quotes",
    )


class Cycle(Form):
    """A period, in days, that objectives are set for."""

    slug: Slug = Field(description=A_SLUG)
    name: Text = Field(description=A_TEXT)
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

    slug: Slug = Field(description=A_SLUG + "; webhooks are sent to /hooks/SLUG")
    kind: str = Field(description="the kind of tracker")
    site: Text | None = Field(default=None, description="the tracker's address, like https://acme.atlassian.net")
    owner: Email | None = Field(default=None, description=A_PERSON + ", who gets a mail when the connection breaks")
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

    slug: Slug = Field(description=A_SLUG)
    title: Text = Field(description=A_TEXT)
    owner: Email | None = Field(default=None, description=A_PERSON + "; default: the objective's owner")
    weight: Weight = Field(default=1.0, description=A_WEIGHT + ": its share in the objective's progress")
    start: Number | None = Field(default=None, description="the value at the start, a number in the unit")
    target: Number | None = Field(default=None, description="the value to reach, a number other than the start")
    stay: Stay | None = Field(
        default=None,
        description="a range to stay in, in place of start and target: a mapping of above, below or within",
    )
    unit: Annotated[str, StringConstraints(max_length=50)] | None = Field(
        default=None, description="text of 50 characters at most, like % or days"
    )
    measure: dict[str, Any] = Field(description="a mapping with kind, one of " + ", ".join(SETTINGS))
    apply: Literal["apply", "propose"] = Field(
        default="apply", description="apply (new values count at once) or propose (the owner accepts them)"
    )
    rolls_up: bool = Field(default=True, description="true, or false (the objective's progress leaves it out)")
    cadence: CadenceText | None = Field(default=None, description=f"{A_CADENCE}; default: the team's")

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield start or target beside a range, and what contradicts itself in the range."""
        yield from super().contradictions()
        for name in ("start", "target") if self.stay else ():
            if getattr(self, name) is not None:
                yield (name,), f"{name} beside stay", f"stay alone; it takes the place of {name}"


class ObjectiveFields(Form):
    """An objective without its key results, which are validated one by one."""

    slug: Slug = Field(description=A_SLUG)
    title: Text = Field(description=A_TEXT)
    cycle: Slug = Field(description="the slug of one of the cycles")
    team: Slug | None = Field(default=None, description="the slug of one of the teams")
    owner: Email | None = Field(default=None, description=A_PERSON)
    parent: Slug | None = Field(default=None, description="the slug of the objective that it serves")
    counts: bool = Field(default=False, description="true (it counts in its parent's progress) or false (only shown)")
    weight: Weight = Field(default=1.0, description=A_WEIGHT + ": its share in its parent's progress")
    roll_up: Literal["weighted", "sum", "weakest", "none"] = Field(
        default="weighted", description="how its progress follows from its key results: weighted, sum, weakest or none"
    )


class Objective(ObjectiveFields):
    """What a team wants to reach in a cycle."""

    key_results: Annotated[tuple[KeyResult, ...], Field(strict=False)] = Field(
        default=(), description="a list of key results"
    )


class Rule(Form):
    """Which issues of a connection count toward a key result."""

    slug: Slug = Field(description=A_SLUG)
    owner: Email | None = Field(default=None, description=A_PERSON)
    connection: Slug = Field(description="the slug of one of the connections")
    key_result: Slug = Field(description="the slug of one of the key results")
    when: dict[str, Any] | None = Field(
        default=None, description="a condition on issues, like {field: labels, has: checkout}"
    )
    query: Annotated[str, StringConstraints(min_length=1, max_length=10_000)] | None = Field(
        default=None, description="a GitHub search or JQL, instead of a condition"
    )
    state: Literal["active", "proposing", "draft", "disabled"] | None = Field(
        default=None,
        description="active (what it matches counts), proposing (the owner of the key result accepts each link), "
        "draft or disabled (it links nothing); default: active",
    )
    enabled: bool | None = Field(
        default=None, description="true or false, in older files, in place of state: active and disabled"
    )

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield that both forms of the state are written."""
        yield from super().contradictions()
        if self.state is not None and self.enabled is not None:
            yield ("enabled",), "enabled beside state", "state alone; enabled is its older form"


class Link(Form):
    """One issue that counts toward a key result, whatever the rules are."""

    key_result: Slug = Field(description="the slug of one of the key results")
    issue: Text = Field(description="CONNECTION:KEY, like acme-github:acme/checkout#12")
    weight: Weight = Field(default=1.0, description=A_WEIGHT)


SECTIONS: Mapping[str, type[Form]] = {
    "organisation": Organisation,
    "teams": Team,
    "people": Person,
    "cycles": Cycle,
    "connections": Connection,
    "objectives": Objective,
    "rules": Rule,
    "links": Link,
}
"""The sections of a file; each is a list of these, but the organisation is one mapping."""

CREDENTIALS = ("token", "app", "oauth")
"""Fields of a connection of which at most one may be set."""

SECRET_FIELDS = (*CREDENTIALS, "webhook_secrets")
"""Fields of a connection whose values are never shown."""

NESTED_MODELS: Mapping[str, type[Form]] = {
    "app": App,
    "oauth": OAuth,
    "started_by": StartedBy,
    "fields": CustomField,
    "thresholds": Thresholds,
    "calendar": Calendar,
    "quiet": Quiet,
    "stay": Stay,
}
"""Models of fields that have their own fields."""


_FORMS: Mapping[str, Any] = {
    "text": Text,
    "texts": Texts,
    "flag": bool,
    "start": StartedBy,
    "fields": CustomFields,
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
