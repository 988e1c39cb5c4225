"""The JSON of check-ins. The command line prints it too, so this module imports no Flask."""

from pydantic import Field

from sync_service.web.api.models import FromView, Moment


class CheckIn(FromView):
    """What a person, or a program, said about a key result at a time."""

    id: int = Field(examples=[12])
    at: Moment
    author: str | None = Field(
        description="an e-mail address, or the name of an API token or command; null: a person who was removed",
        examples=["ana@example.com"],
    )
    confidence: int | None = Field(description="tenths of the chance to reach the target, 0 to 10", examples=[7])
    value: float | None = Field(description="only where the measure is `manual`", examples=[40])
    note: str = Field(examples=["Survey of this month"])
    blockers: str = Field(examples=["waiting for legal"])
    corrects: int | None = Field(
        description="the id of the check-in that it replaces, whose time it has", examples=[11]
    )
    corrected_by: int | None = Field(description="the id of the check-in that replaces it", examples=[13])
    withdrawn_at: Moment | None = Field(description="when it was withdrawn or corrected; null: it is valid")


class Step(FromView):
    """A step of a key result with the measure `steps`."""

    number: int = Field(description="from 1, in the order of the measure", examples=[1])
    name: str = Field(examples=["Contract signed"])
    weight: float = Field(examples=[2])
    issue: str | None = Field(description="the issue with which it is done", examples=["acme-jira:SHOP-12"])
    ticked: bool = Field(description="whether a person or program marked it as done")
    done: bool = Field(description="ticked, or its issue is done")


class StepList(FromView):
    """The steps of a key result, in the order of its measure."""

    items: list[Step]


class CheckInList(FromView):
    """Check-ins, the last entered first, with those corrected or withdrawn."""

    items: list[CheckIn]
