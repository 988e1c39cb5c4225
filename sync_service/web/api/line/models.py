"""The JSON of a key result's line. The command line prints it too, so this module imports no Flask."""

from datetime import date

from pydantic import Field

from sync_service.domain.measures.line import Source
from sync_service.web.api.models import FromView


class LineDay(FromView):
    """The value of a key result at the end of a day of its cycle; of today, it is the value of now."""

    day: date = Field(description="in the time zone of the key result's team", examples=["2026-10-05"])
    value: float | None = Field(description="null: there was no data", examples=[62.5])
    scope: int = Field(description="how many issues were linked and not dropped", examples=[8])
    done: int = Field(description="how many of them were done", examples=[5])
    source: Source = Field(
        description="seen: it was recorded at that time; reconstructed: it follows from when issues were created, "
        "started, done, reopened and dropped, with the links, weights and numbers of today"
    )


class Line(FromView):
    """The line of a key result, oldest day first: from the first day of the cycle until today or its last day."""

    items: list[LineDay]
