"""The schemas of the plain lists: objectives, cycles, rules, connections, deliveries, notices."""

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, Field

from sync_service.domain.pace import Status
from sync_service.web.api.models import Cause, Email, Moment, Stale

RowState = Literal["due", "settled", "buried"]


class Objective(BaseModel):
    """An objective with the progress of its key results."""

    slug: str = Field(examples=["fast-checkout"])
    title: str = Field(examples=["Paying is effortless"])
    cycle: str = Field(description="the cycle's slug", examples=["2026-q4"])
    team: str | None = Field(description="the team's slug", examples=["checkout"])
    owner: Email | None
    progress: float | None = Field(
        description="weighted mean of its key results' progress, each within 0 and 1; null: none has data",
        examples=[0.4],
    )
    without_data: int = Field(description="how many key results are left out for having no data", examples=[0])
    key_results: list[str] = Field(description="their slugs", examples=[["KR-1", "KR-2"]])


class Cycle(BaseModel):
    """A stretch of time that objectives belong to."""

    slug: str = Field(examples=["2026-q4"])
    name: str = Field(examples=["Q4 2026"])
    starts: date
    ends: date = Field(description="the last day")
    closed: bool = Field(description="whether its numbers stand for good")


class Rule(BaseModel):
    """A mapping rule: which issues count toward a key result."""

    slug: str = Field(examples=["checkout-label"])
    owner: Email | None
    connection: str = Field(description="the connection's slug", examples=["acme-github"])
    key_result: str = Field(description="the key result's slug", examples=["KR-1"])
    when: dict[str, Any] | None = Field(
        description="the condition, as in the configuration file", examples=[{"field": "labels", "has": "checkout"}]
    )
    query: str | None = Field(description="or a query in the tracker's own language")
    enabled: bool


class Scope(BaseModel):
    """A repository or project that a connection watches."""

    name: str = Field(examples=["acme/checkout"])
    covered_at: Moment | None = Field(description="since when everything in it is known; null: not yet")
    gone: str | None = Field(description="why it can't be watched any more")


class TrackerConnection(BaseModel):
    """A configured tracker. Its credentials and secrets are never shown."""

    slug: str = Field(examples=["acme-github"])
    kind: str = Field(examples=["github"])
    site: str = Field(examples=["https://api.github.com"])
    owner: Email | None
    earlier: str | None = Field(description="what becomes of issues from before: import or ignore")
    stale: Stale | None = Field(description="null: the tracker does not refuse our credentials")
    scopes: list[Scope]


class Delivery(BaseModel):
    """One received webhook and what came of it."""

    delivery: str = Field(description="the tracker's id", examples=["72d3162e-cc78-11e3-81ab-4c9367dc0958"])
    connection: str = Field(description="the connection's slug", examples=["acme-github"])
    name: str = Field(description="empty until it was read", examples=["issues.closed"])
    received_at: Moment
    state: RowState
    outcome: str = Field(description="what came of it, or why it waits or is buried")
    attempts: int
    due_at: Moment | None = Field(description="when it is tried next; null: settled or buried")


class StandingThen(BaseModel):
    """How a key result stood."""

    status: Status
    value: float | None
    progress: float | None


class Notice(BaseModel):
    """Something a person is told about a key result."""

    at: Moment
    person: Email
    key_result: str = Field(description="the key result's slug", examples=["KR-1"])
    before: StandingThen = Field(alias="from")
    to: StandingThen
    causes: list[Cause]
    state: RowState
    outcome: str
    due_at: Moment | None = Field(description="when it is told; null: settled or buried")


class ObjectiveList(BaseModel):
    """Objectives, in the order they were made."""

    items: list[Objective]


class CycleList(BaseModel):
    """Cycles, in the order they were made."""

    items: list[Cycle]


class RuleList(BaseModel):
    """Mapping rules, in the order they were made."""

    items: list[Rule]


class ConnectionList(BaseModel):
    """Connections, in the order they were made."""

    items: list[TrackerConnection]


class DeliveryList(BaseModel):
    """Deliveries, newest first."""

    items: list[Delivery]


class NoticeList(BaseModel):
    """Notices, newest first."""

    items: list[Notice]
