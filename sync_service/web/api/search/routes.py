"""API route of search."""

from dataclasses import asdict

from flask import Response
from flask_openapi3 import Tag
from pydantic import BaseModel, Field

from sync_service.store.engine.database import reading
from sync_service.store.views.search.find import LIMIT, find
from sync_service.store.views.search.found import Found, Kind
from sync_service.store.views.search.issues import LONGEST_ADDRESS
from sync_service.web.api.openapi_docs import api_blueprint, responses
from sync_service.web.api.pagination import json_response
from sync_service.web.api.search.models import FoundGroups, FoundKind
from sync_service.web.request.context import public_url, services
from sync_service.web.request.guards import Guard, guarded
from sync_service.web.search.result_pages import page_of

blueprint = api_blueprint("api_search", __name__, Tag(name="Search"))


class SearchQuery(BaseModel):
    """The query parameters of a search."""

    q: str = Field(
        "",
        max_length=LONGEST_ADDRESS,
        description="what to find: words, a slug, an e-mail address, an issue's key, `CONNECTION:KEY` or web address",
        json_schema_extra={"example": "checkout"},
    )
    kind: FoundKind | None = Field(None, description="only results of this kind")
    limit: int = Field(LIMIT, ge=1, le=100, description="results of each kind")


@blueprint.get("/search", responses=responses(FoundGroups))
@guarded(Guard.VIEWER)
def search(query: SearchQuery) -> Response:
    """Find objectives, key results, rules, teams, people and issues, without case, the best match first."""
    kinds = [Kind(query.kind)] if query.kind else list(Kind)
    with reading(services().engine) as tx:
        found = find(tx, query.q, services().connectors, kinds=kinds, limit=query.limit)
    groups = [
        {"kind": group.kind, "more": group.more, "items": [_with_page(one) for one in group.items]}
        for group in found.groups
    ]
    unknown = [{"connection": connection, "key": key} for connection, key in found.unknown]
    return json_response(FoundGroups.json_of({"groups": groups, "unknown": unknown}))


def _with_page(one: Found) -> dict[str, object]:
    endpoint, values = page_of(one)
    return {**asdict(one), "page": public_url(endpoint, **values)}
