"""API route of a key result's line."""

from datetime import date

from flask import Response
from flask_openapi3 import Tag
from pydantic import BaseModel, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from sync_service.progress.lines.key_result_line import key_result_line
from sync_service.store.engine.database import reading
from sync_service.web.api.etag import unless_unchanged
from sync_service.web.api.key_results import KeyResultPath, find
from sync_service.web.api.line.models import Line, LineDay
from sync_service.web.api.openapi_docs import api_blueprint, responses
from sync_service.web.api.pagination import json_response
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded

blueprint = api_blueprint("api_line", __name__, Tag(name="Key results"))


class LineQuery(BaseModel):
    """The query parameters of a line."""

    first: date | None = Field(None, alias="from", description="the first day; without it: the first of the cycle")
    to: date | None = Field(None, description="the last day; without it: today, or the last of the cycle")

    @field_validator("to")
    @classmethod
    def _not_before_the_first(cls, to: date | None, known: ValidationInfo) -> date | None:
        first = known.data.get("first")
        if to is not None and first is not None and to < first:
            raise PydanticCustomError("order", "Input should be {first} or later, as `from`", {"first": str(first)})
        return to


@blueprint.get("/key-results/<slug>/line", responses=responses(Line, polled=True, missing=True))
@guarded(Guard.VIEWER)
def show_line(path: KeyResultPath, query: LineQuery) -> Response:
    """Show the value of each day of a key result's cycle."""

    def build() -> Response:
        line = key_result_line(tx, find(tx, path.slug).id, services().now())
        days = [one for one in line if (query.first or one.day) <= one.day <= (query.to or one.day)]
        return json_response({"items": [LineDay.json_of(one) for one in days]})

    with reading(services().engine) as tx:
        return unless_unchanged(tx, build)
