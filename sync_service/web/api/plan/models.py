"""The JSON of a plan. The command line reads and prints it too, so this module imports no Flask."""

from pydantic import Field

from sync_service.domain.measures.status import Status
from sync_service.web.api.models import FromView


class Numbers(FromView):
    """The numbers of a key result at one time."""

    value: float | None = Field(description="in the unit of the key result; null: no data", examples=[62.5])
    progress: float | None = Field(description="a fraction, not clamped; null: no data", examples=[0.625])
    status: Status


class KeyResultEffect(FromView):
    """What applying does to a key result."""

    slug: str = Field(examples=["KR-1"])
    title: str = Field(examples=["Ship the new checkout"])
    unit: str = Field(examples=["%"])
    target: float | None = Field(description="after applying; null: it has to stay in a range", examples=[100])
    before: Numbers | None = Field(description="null: it is new")
    after: Numbers | None = Field(description="null: it is removed")
    changes: bool = Field(description="whether its numbers differ, or may differ")
    unknown: list[str] = Field(
        description="what the numbers after applying leave out, in words",
        examples=[["the members of rule payment-bugs are unknown before its query is listed"]],
    )


class ObjectiveEffect(FromView):
    """What applying does to the progress of an objective: fractions, null without data."""

    slug: str = Field(examples=["fast-checkout"])
    title: str = Field(examples=["Paying is effortless"])
    before: float | None
    after: float | None
    changes: bool = Field(description="whether its progress differs, or it is new or removed")


class Plan(FromView):
    """What applying configuration files would change. Nothing is saved."""

    changes: list[str] = Field(description="one line for each item", examples=[["~ key result KR-1: target 100 → 90"]])
    summary: str = Field(examples=["1 changed"])
    warnings: list[str]
    reverts: list[str] = Field(
        description="what applying would undo of what people wrote on pages; it needs `--overwrite`"
    )
    key_results: list[KeyResultEffect]
    objectives: list[ObjectiveEffect]
