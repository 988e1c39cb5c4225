"""Models of settings: the organisation, what teams have of it, ranges of key results, custom fields of connections."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from sync_service.config_file.read.field_types import (
    A_TEXT,
    A_ZONE,
    CadenceText,
    Contradiction,
    Form,
    Number,
    Text,
    Zone,
)
from sync_service.domain.people import cadence
from sync_service.domain.text import in_full
from sync_service.domain.trackers.fields.custom_fields import FIELD_NAME, MOST_FIELDS, FieldType

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[str, ...] = get_args(Weekday)

A_CADENCE = f"how often a check-in is due: {cadence.FORMS}"
_A_WEEKDAY = "mon, tue, wed, thu, fri, sat or sun"
_A_TIME = "a time of day in quotes, like '19:00', in each person's time zone"

_DOMAIN = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))+", re.ASCII)


def _domain(written: str) -> str:
    if not _DOMAIN.fullmatch(written.lower()):
        raise ValueError("not a domain")
    return written.lower()


Points = Annotated[float, Field(allow_inf_nan=False, ge=0, le=100)]
TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,20}$")]
Domain = Annotated[str, StringConstraints(max_length=253), AfterValidator(_domain)]


class Thresholds(Form):
    """How far below the expected progress a key result is at risk, and behind, in percentage points."""

    at_risk: Points = Field(
        default=10.0, description="percentage points below the expected progress, 0 to 100 and fewer than behind"
    )
    behind: Points = Field(
        default=25.0, description="percentage points below the expected progress, 0 to 100 and more than at_risk"
    )

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield thresholds in the wrong order."""
        if self.at_risk >= self.behind:
            found = f"{in_full(self.at_risk)}, while behind is {in_full(self.behind)}"
            yield ("at_risk",), found, "fewer points than behind: a key result is at risk before it is behind"


class Calendar(Form):
    """The working days."""

    country: Code | None = Field(
        default=None, description="the country whose public holidays are free, by its code of two letters, like ES"
    )
    subdivision: Code | None = Field(default=None, description="a part of the country by its code, like MD for Madrid")
    days: Annotated[tuple[Weekday, ...], Field(strict=False, min_length=1)] = Field(
        default=("mon", "tue", "wed", "thu", "fri"), description=f"a list of working days: {_A_WEEKDAY}"
    )

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield a day given twice, and a subdivision of no country."""
        for index, day in enumerate(self.days):
            if day in self.days[:index]:
                yield ("days", index), f"{day!r} a second time", "each day once"
        if self.subdivision and not self.country:
            yield ("subdivision",), f"{self.subdivision!r} without a country", "a subdivision of the country beside it"


class Quiet(Form):
    """Hours in which no mail is sent."""

    starts: TimeOfDay = Field(description=_A_TIME)
    ends: TimeOfDay = Field(description=_A_TIME)

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield hours that never end."""
        if self.starts == self.ends:
            yield ("ends",), f"{self.ends!r}, when they start", "another time than starts, on the same day or the next"


class Organisation(Form):
    """What holds for everybody, unless a team has its own."""

    name: Text | None = Field(default=None, description=A_TEXT)
    timezone: Zone | None = Field(default=None, description=f"{A_ZONE}; default: the setting OKR_SYNC_TIMEZONE")
    week_starts: Weekday = Field(default="mon", description=f"the first day of the week: {_A_WEEKDAY}")
    thresholds: Thresholds | None = Field(
        default=None, description="a mapping of at_risk and behind, in percentage points; default: 10 and 25"
    )
    calendar: Calendar | None = Field(
        default=None, description="a mapping of country, subdivision and days; default: Monday to Friday, no holidays"
    )
    cadence: CadenceText | None = Field(default=None, description=f"{A_CADENCE}; default: none")
    grace_days: Annotated[int, Field(ge=0, le=90)] = Field(
        default=3, description="whole days after a cycle in which late news still counts, 0 to 90"
    )
    daily_cap: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="the most mails that a person gets in a day, a whole number from 1 to 1000"
    )
    quiet: Quiet | None = Field(default=None, description="a mapping of starts and ends: hours without mails")
    allowed_domains: Annotated[tuple[Domain, ...], Field(strict=False)] = Field(
        default=(), description="a list of domains, like example.com, whose people may sign themselves in as viewers"
    )

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield a domain given twice, and what contradicts itself in a part."""
        yield from super().contradictions()
        for index, one in enumerate(self.allowed_domains):
            if one in self.allowed_domains[:index]:
                yield ("allowed_domains", index), f"{one!r} a second time", "each domain once"


class Stay(Form):
    """A range that a value has to stay in, bounds included: exactly one of the three."""

    above: Number | None = Field(default=None, description="the lowest value that is in the range")
    below: Number | None = Field(default=None, description="the highest value that is in the range")
    within: Annotated[tuple[Number, Number], Field(strict=False)] | None = Field(
        default=None, description="a list of two numbers, the lowest and the highest value in the range"
    )

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield a range that is none, and one that is upside down."""
        given = [name for name in ("above", "below", "within") if getattr(self, name) is not None]
        if len(given) != 1:
            yield (), " and ".join(given) or "nothing", "exactly one of above, below and within"
        if self.within and self.within[0] > self.within[1]:
            low, high = map(in_full, self.within)
            yield ("within",), f"{low} before {high}", f"the lower number first: [{high}, {low}]"


def written(form: Form | None) -> dict[str, Any] | None:
    """Return a part as it is stored: as in a file, without what is left out."""
    return form.model_dump(mode="json", exclude_none=True) if form else None


TYPES = tuple(kind.value for kind in FieldType)


class CustomField(Form):
    """A custom field of the tracker."""

    field: Text = Field(description=A_TEXT + ": the field's name or id at the tracker")
    type: Literal["text", "number", "date", "option", "options", "person"] | None = Field(
        default=None, description=f"one of {', '.join(TYPES)}; default: as the tracker says"
    )


def _whole(written: Any) -> Any:
    """Return the long form: `customfield_10042` is short for `{field: customfield_10042}`."""
    return {"field": written} if isinstance(written, str) else written


_SCHEMA = {
    "anyOf": [
        {"type": "string", "minLength": 1, "maxLength": 500},
        {
            "type": "object",
            "properties": {
                "field": {"type": "string", "minLength": 1, "maxLength": 500},
                "type": {"enum": list(TYPES)},
            },
            "required": ["field"],
            "additionalProperties": False,
        },
    ]
}
FieldName = Annotated[str, StringConstraints(pattern=f"^{FIELD_NAME.pattern}$")]
CustomFields = Annotated[
    dict[FieldName, Annotated[CustomField, BeforeValidator(_whole), WithJsonSchema(_SCHEMA)]],
    Field(max_length=MOST_FIELDS),
]
