"""The JSON of a cycle that closes, and the bodies of what is done about it."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from sync_service.web.api.models import FromView, Frozen, Moment


class ClosingKeyResult(FromView):
    """A key result of a cycle, with its score and outcome: proposed until they are settled."""

    slug: str = Field(examples=["KR-1"])
    title: str = Field(examples=["Ship the new checkout"])
    current: float | None = Field(description="the value that applies; null: there is no data", examples=[62.5])
    progress: float | None = Field(description="not clamped; null: there is no data", examples=[0.625])
    score: float | None = Field(
        description="progress clamped to 0…1, not rounded up; null: not final yet, or no data", examples=[0.625]
    )
    outcome: Literal["achieved", "missed", "dropped"] | None = Field(
        description="proposed, or settled; null: not final yet, or no data", examples=["missed"]
    )
    settled: bool = Field(description="whether a person settled the outcome")
    lapsed: float | None = Field(
        description="the proposed value that was still waiting when the numbers became final; null: none",
        examples=[75],
    )
    frozen: Frozen | None = Field(description="null: the numbers are not final yet")
    refreezing: str | None = Field(
        description="what became of a request to compute the final numbers once more; null: none, or it is done",
        examples=["Ana Ruiz asked to compute it once more; it waits"],
    )


class CycleClosing(FromView):
    """A cycle with the scores and outcomes of its key results."""

    slug: str = Field(examples=["2026-q4"])
    name: str = Field(examples=["Q4 2026"])
    starts: date
    ends: date = Field(description="the last day")
    closed: bool = Field(validation_alias="final", description="whether its numbers are final")
    freezes_at: Moment = Field(description="when the days of grace are over")
    settled_at: Moment | None = Field(description="when all outcomes were settled; null: not yet")
    under_way: str | None = Field(
        description="what is still to be computed, one key result after the other; null: nothing",
        examples=["3 key results being computed once more, one after the other"],
    )
    key_results: list[ClosingKeyResult]


class Body(BaseModel):
    """A body without unknown fields."""

    model_config = ConfigDict(extra="forbid")


class Closing(Body):
    """Whether to make the numbers final, or only to show them."""

    preview: bool = Field(default=False, description="change nothing: answer what the cycle looks like now")


class Settlement(Body):
    """What to settle."""

    key_result: str | None = Field(
        None, description="the slug of one; without it: all that is proposed", examples=["KR-1"]
    )
    outcome: Literal["achieved", "missed", "dropped"] | None = Field(
        None, description="of the key result, in place of the proposed one", examples=["dropped"]
    )


class CarryingOver(Body):
    """Which key results to carry over into another cycle."""

    into: str = Field(description="the slug of the cycle of the successors", examples=["2027-q1"])
    key_results: list[str] = Field(
        default=[], description="their slugs; none: all that were missed and have no successor", examples=[["KR-1"]]
    )
    rules: bool = Field(default=False, description="copy their rules")
    links: bool = Field(default=False, description="copy their manual links")
    preview: bool = Field(default=False, description="change nothing: answer what would change")


class CarriedOver(FromView):
    """What carrying over changes or would change."""

    changes: list[str] = Field(description="one line for each item", examples=[["+ key result KR-1-q1"]])
    warnings: list[str]


class Refreezing(Body):
    """Which final numbers to compute once more."""

    key_result: str | None = Field(
        None, description="the slug of one; without it: all that were stale or partly seen", examples=["KR-1"]
    )
