"""The JSON of one issue: what it serves, and what closing it is worth. The command line prints it too."""

from typing import Any

from pydantic import Field

from sync_service.domain.trackers.observations import State
from sync_service.progress.forecasts.explain_issue import IssueExplanation
from sync_service.web.api.models import FromView, Issue


class Worth(FromView):
    """What closing the issue now would do to a key result; merging it, for a pull request, with what it closes."""

    slug: str = Field(examples=["KR-1"])
    before: float | None = Field(description="the computed value of now; null: there is no data", examples=[62.5])
    after: float | None = Field(description="the computed value then", examples=[75])
    progress_before: float | None = Field(examples=[0.625])
    progress_after: float | None = Field(examples=[0.75])
    chance_before: float | None = Field(
        description="the chance of now that the target is reached at the end of the cycle; null: nothing is forecast",
        examples=[0.36],
    )
    chance_after: float | None = Field(description="the chance then", examples=[0.64])
    applies: bool = Field(description="false: the value is overridden, or its owner accepts values")


class Served(FromView):
    """A key result that the issue is linked to."""

    slug: str = Field(examples=["KR-1"])
    link: Issue = Field(description="how it is linked, and whether it counts and why not")


class ExplainedIssue(FromView):
    """An issue: which key results it serves, why or why not, and what closing it is worth."""

    connection: str = Field(examples=["acme-github"])
    key: str = Field(examples=["acme/checkout#12"])
    title: str
    url: str
    state: State | None
    why_none: str | None = Field(description="why it serves no key result; null: it serves some")
    serves: list[Served]
    closes: list[str] = Field(description="the known issues that it closes, as a pull request")
    worth: list[Worth] = Field(description="the key results that closing it would move; none where it is closed")


def issue_json(found: IssueExplanation) -> dict[str, Any]:
    """Return the JSON of an issue."""
    return ExplainedIssue.json_of(found)
