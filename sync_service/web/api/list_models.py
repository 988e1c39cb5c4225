"""The schemas of the plain lists: objectives, cycles, rules, connections, deliveries, notices."""

from datetime import date
from typing import Any, Literal

from pydantic import AliasPath, Field

from sync_service.domain.measures.status import Status
from sync_service.domain.rules.rule_state import RuleState
from sync_service.web.api.models import Cause, Email, FromView, Moment, Stale

RowState = Literal["due", "settled", "buried"]


class Objective(FromView):
    """An objective and its progress, rolled up from its key results and the aligned objectives that count."""

    slug: str = Field(examples=["fast-checkout"])
    title: str = Field(examples=["Paying is effortless"])
    cycle: str = Field(description="the cycle's slug", examples=["2026-q4"])
    team: str | None = Field(description="the team's slug", examples=["checkout"])
    owner: Email | None
    progress: float | None = Field(
        description="roll-up of its key results and counting children, by `roll_up`; null: none has data, or `none`",
        examples=[0.4],
    )
    roll_up: str = Field(description="weighted, sum, weakest or none", examples=["weighted"])
    without_data: int = Field(description="number of those without data; left out of progress", examples=[0])
    left_out: int = Field(description="number of key results that do not roll up", examples=[0])
    key_results: list[str] = Field(description="the slugs of its key results", examples=[["KR-1", "KR-2"]])
    parent: str | None = Field(description="the slug of the objective it is aligned with", examples=["delight-buyers"])
    counts: bool = Field(description="whether its progress is in that of its parent")
    weight: float = Field(description="its weight in the progress of its parent", examples=[1.0])
    children: list[str] = Field(description="the slugs of the objectives aligned with it", examples=[[]])


class Cycle(FromView):
    """A period that objectives belong to."""

    slug: str = Field(examples=["2026-q4"])
    name: str = Field(examples=["Q4 2026"])
    starts: date
    ends: date = Field(description="the last day")
    closed: bool = Field(description="whether its numbers are final")


class Rule(FromView):
    """A mapping rule: which issues count toward a key result."""

    slug: str = Field(examples=["checkout-label"])
    owner: Email | None
    connection: str = Field(description="the connection's slug", examples=["acme-github"])
    key_result: str = Field(description="the key result's slug", examples=["KR-1"])
    when: dict[str, Any] | None = Field(
        description="the condition, as in the configuration file", examples=[{"field": "labels", "has": "checkout"}]
    )
    query: str | None = Field(description="in place of `when`: a query in the tracker's language")
    state: RuleState = Field(
        description="active, proposing (its links wait for the owner of the key result), draft or disabled"
    )
    enabled: bool = Field(description="whether it matches issues: it is active or proposing")


class Scope(FromView):
    """A repository or project that a connection watches."""

    name: str = Field(examples=["acme/checkout"])
    covered_at: Moment | None = Field(description="when its import was complete; null: not yet")
    gone: str | None = Field(description="why it can't be watched any more; null: it can")


class TrackerConnection(FromView):
    """A configured tracker. Its credentials and secrets are never shown."""

    slug: str = Field(examples=["acme-github"])
    kind: str = Field(examples=["github"])
    site: str = Field(examples=["https://api.github.com"])
    owner: Email | None
    earlier: str | None = Field(description="what happens to issues that existed before: import or ignore")
    stale: Stale | None = Field(description="set when the tracker refuses the credentials; null: it does not")
    scopes: list[Scope]


class Delivery(FromView):
    """One received webhook and its outcome."""

    delivery: str = Field(description="the tracker's delivery id", examples=["72d3162e-cc78-11e3-81ab-4c9367dc0958"])
    connection: str = Field(description="the connection's slug", examples=["acme-github"])
    name: str = Field(description="the event; empty until the delivery is parsed", examples=["issues.closed"])
    received_at: Moment
    state: RowState
    outcome: str = Field(description="what it changed, or why it was ignored, waits or is buried")
    attempts: int
    due_at: Moment | None = Field(description="the next attempt; null: settled or buried")


class KeyResultState(FromView):
    """The state of a key result before or after a change."""

    status: Status
    value: float | None
    progress: float | None


class Notice(FromView):
    """A change of a key result that a person is notified of."""

    at: Moment = Field(validation_alias="created_at")
    person: Email
    key_result: str = Field(description="the key result's slug", examples=["KR-1"])
    before: KeyResultState = Field(validation_alias=AliasPath("change", "before"), serialization_alias="from")
    to: KeyResultState = Field(validation_alias=AliasPath("change", "after"))
    causes: list[Cause] = Field(validation_alias=AliasPath("change", "causes"))
    state: RowState
    outcome: str
    due_at: Moment | None = Field(description="when it is due to be sent; null: settled or buried")


class ObjectiveList(FromView):
    """Objectives, in the order of their creation."""

    items: list[Objective]


class CycleList(FromView):
    """Cycles, in the order of their creation."""

    items: list[Cycle]


class RuleList(FromView):
    """Mapping rules, in the order of their creation."""

    items: list[Rule]


class ConnectionList(FromView):
    """Connections, in the order of their creation."""

    items: list[TrackerConnection]


class DeliveryList(FromView):
    """Deliveries, newest first."""

    items: list[Delivery]


class NoticeList(FromView):
    """Notices, newest first."""

    items: list[Notice]
