"""The JSON of the API and of `explain --json`: each model is read from a view, and is a schema of the OpenAPI document.

This module imports no Flask, because the command line uses it too.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AliasPath, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from sync_service.domain.measures.parts import PartKind
from sync_service.domain.measures.status import Status
from sync_service.domain.text import instant
from sync_service.domain.trackers.closing_date import ClosingSource
from sync_service.domain.trackers.observations import Kind, State

Moment = Annotated[
    datetime,
    PlainSerializer(instant),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "description": "ISO 8601 in UTC",
            "examples": ["2026-10-05T09:30:00.000Z"],
        }
    ),
]
Email = Annotated[str, Field(description="an e-mail address", examples=["ana@example.com"])]


class WrongParameter(BaseModel):
    """One invalid parameter."""

    parameter: str = Field(examples=["limit"])
    detail: str = Field(examples=["Input should be less than or equal to 500"])


class Problem(BaseModel):
    """An error, as in RFC 9457."""

    type: Literal["about:blank"] = Field(description="always `about:blank`: the status tells the kind of problem")
    title: str = Field(description="the status in words", examples=["Not Found"])
    status: int = Field(description="the HTTP status", examples=[404])
    detail: str = Field(
        description="what happened and what to do",
        examples=["There is no key result 'KR-9'. Did you mean KR-1?"],
    )
    instance: str = Field(description="the requested path", examples=["/api/v1/key-results/KR-9"])
    confirm: bool = Field(default=False, description="with 409: true where it is done once `confirm: true` is sent")
    errors: list[WrongParameter] = Field(default=[], description="with 422: every invalid parameter")


class FromView(BaseModel):
    """A model that is read from a view's attributes."""

    model_config = ConfigDict(from_attributes=True)

    @classmethod
    def json_of(cls, view: object) -> dict[str, Any]:
        """Return the JSON of a view."""
        return cls.model_validate(view).model_dump(mode="json", by_alias=True)


class Stale(FromView):
    """Since when the value may be out of date, and why."""

    since: Moment
    reason: str = Field(examples=["acme-github: the token was refused (401)"])


class Thresholds(FromView):
    """How many percentage points below the expected progress a key result is at risk, and behind."""

    at_risk: float = Field(examples=[10])
    behind: float = Field(examples=[25])


class Cause(FromView):
    """One cause of a change of a value."""

    what: str = Field(description="what happened, in words", examples=["closed as done"])
    issue: str | None = Field(description="the issue's key", examples=["acme/checkout#12"])
    title: str | None = Field(examples=["Pay with one click"])
    url: str | None = Field(examples=["https://github.com/acme/checkout/issues/12"])
    delivery: str | None = Field(
        description="the tracker's id of the delivery that reported it",
        examples=["72d3162e-cc78-11e3-81ab-4c9367dc0958"],
    )
    actor: str | None = Field(description="who did it", examples=["anaruiz"])


class Part(FromView):
    """A part of a change of a value: work, or a moved goalpost."""

    kind: PartKind = Field(description="in the order in which changes are applied", examples=["done"])
    change: float = Field(description="the change of the value, in its unit", examples=[12.5])


class Proposed(FromView):
    """A computed value that waits until the owner accepts or declines it."""

    value: float = Field(examples=[75])
    since: Moment = Field(description="when this value was computed first")
    causes: list[Cause] = Field(description="what changed since the value that applies")
    parts: list[Part] = Field(description="how much of the change is work, and how much moved goalposts")
    lapsed: bool = Field(description="true: it was not decided before the numbers became final")


class Override(FromView):
    """A person's value that applies in place of the computed one."""

    value: float = Field(examples=[80])
    until: Moment | Literal["change"] | None = Field(
        validation_alias="ends",
        description="when it ends by itself: at a time, or `change`, with the next change of the computed value; "
        "null: it applies until it is ended",
    )
    by: str = Field(description="who made it", examples=["Ana Ruiz"])
    computed: float | None = Field(description="the computed value when it was made", examples=[62.5])


class Refrozen(FromView):
    """When the final numbers were computed once more, and who asked for it."""

    at: Moment
    by: str = Field(examples=["Ana Ruiz"])


class Frozen(FromView):
    """How the numbers became final: with everything imported and up to date, or marked."""

    at: Moment = Field(description="when the days of grace were over")
    partial: str | None = Field(description="what was not imported; null: nothing was missing")
    stale: Stale | None = Field(description="null: the numbers were up to date")
    refrozen: Refrozen | None = Field(description="null: they were not computed again")


class KeyResult(FromView):
    """A key result with its value and status."""

    slug: str = Field(examples=["KR-1"])
    title: str = Field(examples=["Ship the new checkout"])
    owner: Email | None
    objective: str = Field(description="the objective's slug", examples=["fast-checkout"])
    cycle: str = Field(description="the cycle's slug", examples=["2026-q4"])
    weight: float = Field(description="its weight in the objective's progress", examples=[2])
    measure: dict[str, Any] = Field(
        description="how the value follows from the linked issues, as in the configuration file",
        examples=[{"kind": "done-share", "weight": "points", "unestimated": 1}],
    )
    start: float | None = Field(description="null: the value has to stay in a range", examples=[0])
    target: float | None = Field(description="null: the value has to stay in a range", examples=[100])
    stay: dict[str, Any] | None = Field(
        description="the range to stay in, bounds included, as in the configuration file; null: there is none",
        examples=[{"above": 99.5}],
    )
    unit: str = Field(description="the unit of start, target and current", examples=["%"])
    current: float | None = Field(
        description="the value that applies: computed, accepted or overridden; null: there is no data", examples=[62.5]
    )
    computed: float | None = Field(description="what linked issues and check-ins give", examples=[62.5])
    proposed: Proposed | None = Field(description="null: no value waits for the owner")
    override: Override | None = Field(description="null: no value is overridden")
    progress: float | None = Field(
        description="(current - start) / (target - start), not clamped; null: there is no data",
        examples=[0.625],
    )
    status: Status = Field(examples=["on_track"])
    thresholds: Thresholds
    outcome: str | None = Field(
        description="of a closed key result: achieved, missed or dropped, proposed until a person settles it; or null",
        examples=["achieved"],
    )
    confidence: int | None = Field(
        description="that of the latest check-in which has one: tenths of the chance to reach the target; null: none",
        examples=[7],
    )
    stale: Stale | None = Field(description="null: the value is up to date, or was when it became final")
    frozen: Frozen | None = Field(description="null: the numbers are not final yet")
    updated_at: Moment | None = Field(description="when the value last changed; null: never")
    explanation: str = Field(
        description="how the value was computed",
        examples=["5 of 8 issues done, 10 of 16 points"],
    )


class Issue(FromView):
    """An issue linked to a key result."""

    connection: str = Field(description="the connection's slug", examples=["acme-github"])
    key: str = Field(examples=["acme/checkout#12"])
    title: str = Field(examples=["Pay with one click"])
    url: str = Field(examples=["https://github.com/acme/checkout/issues/12"])
    kind: Kind
    type: str | None = Field(examples=["Bug"])
    state: State | None = Field(description="null: linked by its key, and not received from the tracker yet")
    resolution: str | None = Field(description="the tracker's word", examples=["completed"])
    priority: str | None = Field(description="null: none, or unknown", examples=["High"])
    components: list[str] = Field(
        description="empty: none, or unknown; the same for versions and sprints", examples=[["App"]]
    )
    versions: list[str] = Field(description="the fix versions", examples=[["2.0"]])
    sprints: list[str] = Field(description="open and closed ones", examples=[["Sprint 7"]])
    author: str | None = Field(examples=["anaruiz"])
    assignees: list[str] = Field(examples=[["anaruiz"]])
    points: float | None = Field(examples=[3])
    numbers: dict[str, float | None] = Field(
        description="the connection's numeric fields; unknown values are left out",
        examples=[{"Customers": 12}],
    )
    closed_at: Moment | None
    closed_at_source: ClosingSource | None = Field(
        description="tracker: the tracker's date; first_seen: it gave none that can be, so it is the first time at "
        "which the issue was known to be closed; null: open"
    )
    weight: float = Field(description="the weight of the link", examples=[1])
    origin: Literal["manual", "label", "comment", "rule"] = Field(description="the strongest reason for the link")
    rules: list[str] = Field(description="the rules that link it, by slug", examples=[["checkout-label"]])
    counts: bool = Field(description="whether the issue is part of the value")
    why_not: str | None = Field(
        description="why it does not count; null when it counts", examples=["dropped: not planned"]
    )
    unreachable_since: Moment | None = Field(
        description="when the issue was last seen, if the tracker no longer shows it (deleted or hidden); else null"
    )
    unreachable_reason: str | None = Field(
        description="what the tracker said when it did not show the issue; null when it shows it",
        examples=["api.github.com no longer shows it (410): Issues has been disabled in this repository."],
    )


class HistoryEntry(FromView):
    """One change of a key result's value, or of its progress where start or target moved."""

    at: Moment
    before: float | None = Field(
        serialization_alias="from", description="the value before; null: there was no data", examples=[50]
    )
    to: float | None = Field(
        validation_alias="after", description="the value after; null: there is no longer data", examples=[62.5]
    )
    causes: list[Cause]
    parts: list[Part] = Field(
        description="they add up to `to` minus `from`; empty when one of these is null, only the goal moved, or an "
        "override began or ended"
    )
    progress_before: float | None = Field(
        serialization_alias="progress_from", description="the progress before, unclamped", examples=[0.5]
    )
    progress_after: float | None = Field(
        serialization_alias="progress_to", description="the progress after, unclamped", examples=[0.625]
    )


class SumLine(FromView):
    """A line of the sum: of an issue, a step or a total."""

    issue: str | None = Field(description="the issue's key; null: a step or a total", examples=["acme/checkout#12"])
    connection: str | None = Field(description="the slug of the issue's connection", examples=["acme-github"])
    adds: float | None = Field(description="what it adds; null: it is left out", examples=[1])
    text: str = Field(description="the line in words", examples=["done: 1 of 1"])


class Explanation(FromView):
    """How a key result's value was computed at a time."""

    at: Moment
    computed_at: Moment = Field(description="when the value of that time was computed")
    value: float | None = Field(description="the value that applied; null: there was no data", examples=[62.5])
    computed: float | None = Field(description="the value that the sum gives", examples=[62.5])
    differs: str | None = Field(
        description="why the value that applied may differ from the computed one; null: nothing was proposed or "
        "overridden",
        examples=["80 was declined, so 62.5 stays"],
    )
    progress: float | None = Field(examples=[0.625])
    start: float | None = Field(validation_alias=AliasPath("basis", "start"))
    target: float | None = Field(validation_alias=AliasPath("basis", "target"))
    lines: list[SumLine] = Field(serialization_alias="sum", description="the whole sum, line by line")
    last_change: HistoryEntry | None = Field(description="the change that led to the value, with its causes and parts")


class KeyResultList(FromView):
    """Key results, in the order of their creation."""

    items: list[KeyResult]


class IssueList(FromView):
    """Linked issues, by connection and key."""

    items: list[Issue]


class HistoryList(FromView):
    """Changes of a value, newest first."""

    items: list[HistoryEntry]
