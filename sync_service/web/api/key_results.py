"""API routes of key results: values and status, history, linked issues."""

from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated

from flask import Response
from flask_openapi3 import Tag
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field
from sqlalchemy.engine import Connection

from sync_service.domain.text import instant
from sync_service.progress.explanation import explain_value
from sync_service.store.engine.database import reading
from sync_service.store.views.forecasts.forecast_view import forecast_view
from sync_service.store.views.issues import IssueView, issues_view
from sync_service.store.views.key_results import (
    KeyResultView,
    history_view,
    key_result_view,
    key_result_views,
)
from sync_service.web.api.etag import unless_unchanged
from sync_service.web.api.forecasts.models import KeyResultDetail, forecast_json
from sync_service.web.api.models import Explanation, HistoryList, IssueList, KeyResult, KeyResultList
from sync_service.web.api.openapi_docs import api_blueprint, responses
from sync_service.web.api.pagination import (
    PageQuery,
    SortKey,
    id_after,
    id_of,
    json_response,
    key_after,
    page,
    sorted_after,
)
from sync_service.web.api.problems import not_found
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded

blueprint = api_blueprint(
    "api_key_results", __name__, Tag(name="Key results", description="Values, status, history and linked issues.")
)


class KeyResultsQuery(PageQuery):
    """The query parameters of the key result list."""

    cycle: str | None = Field(None, description="the slug of a cycle; without it: key results of all cycles")


class KeyResultPath(BaseModel):
    """The path parameter of one key result."""

    slug: str = Field(description="the key result's slug, upper or lower case", json_schema_extra={"example": "KR-1"})


@blueprint.get("/key-results", responses=responses(KeyResultList, list_=True, polled=True))
@guarded(Guard.VIEWER)
def list_key_results(query: KeyResultsQuery) -> Response:
    """List the key results."""
    after = key_after(query, int)

    def build() -> Response:
        views = key_result_views(tx, services().now(), cycle=query.cycle) if _storable(query.cycle or "") else []
        return page(
            sorted_after(views, after, sort_key=id_of),
            limit=query.limit,
            sort_key=id_of,
            model=KeyResultList,
        )

    with reading(services().engine) as tx:
        return unless_unchanged(tx, build)


@blueprint.get("/key-results/<slug>", responses=responses(KeyResultDetail, polled=True, missing=True))
@guarded(Guard.VIEWER)
def show_key_result(path: KeyResultPath) -> Response:
    """Show one key result, with its forecast."""

    def build() -> Response:
        view = find(tx, path.slug)
        return json_response(KeyResult.json_of(view) | forecast_json(forecast_view(tx, view)))

    with reading(services().engine) as tx:
        return unless_unchanged(tx, build)


@blueprint.get("/key-results/<slug>/history", responses=responses(HistoryList, list_=True, polled=True, missing=True))
@guarded(Guard.VIEWER)
def list_history(path: KeyResultPath, query: PageQuery) -> Response:
    """List the changes of a key result's value, newest first, each with its causes."""
    before = id_after(query)

    def build() -> Response:
        found = history_view(tx, find(tx, path.slug).id, before=before, limit=query.limit + 1)
        return page(found, limit=query.limit, sort_key=id_of, model=HistoryList)

    with reading(services().engine) as tx:
        return unless_unchanged(tx, build)


def in_utc(at: datetime) -> datetime:
    """Return a time in UTC; raise `ValueError` where UTC has no such year."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("the year in UTC has to be from 1 to 9999") from None


class ExplanationQuery(BaseModel):
    """The query parameters of an explanation."""

    at: Annotated[AwareDatetime, AfterValidator(in_utc)] | None = Field(
        None, description="a past time with its offset (ISO 8601); without it: now"
    )


@blueprint.get("/key-results/<slug>/explanation", responses=responses(Explanation, missing=True))
@guarded(Guard.VIEWER)
def show_explanation(path: KeyResultPath, query: ExplanationQuery) -> Response:
    """Show how a key result's value was computed: the whole sum line by line, at any past time."""
    at = query.at or services().now()
    with reading(services().engine) as tx:
        found = explain_value(tx, find(tx, path.slug).id, at)
    if found is None:
        not_found(f"{path.slug} has no recorded value as early as {instant(at)}.")
    return json_response(Explanation.json_of(found))


@blueprint.get("/key-results/<slug>/issues", responses=responses(IssueList, list_=True, polled=True, missing=True))
@guarded(Guard.VIEWER)
def list_issues(path: KeyResultPath, query: PageQuery) -> Response:
    """List the issues linked to a key result, and whether each counts."""
    after = key_after(query, str, int, str)

    def build() -> Response:
        found = sorted_after(issues_view(tx, find(tx, path.slug).id), after, sort_key=_by_key)
        return page(found, limit=query.limit, sort_key=_by_key, model=IssueList)

    with reading(services().engine) as tx:
        return unless_unchanged(tx, build)


def find(tx: Connection, slug: str) -> KeyResultView:
    """Return the key result with this slug; abort with 404 and similar slugs when there is none."""
    now = services().now()
    found = key_result_view(tx, slug, now) if _storable(slug) else None
    if found is None:
        slugs = {one.slug.lower(): one.slug for one in key_result_views(tx, now)}
        near = [slugs[one] for one in get_close_matches(slug.lower(), slugs, n=3)]
        hint = f"Did you mean {' or '.join(near)}?" if near else "GET /api/v1/key-results lists all."
        not_found(f"There is no key result {slug!r}. {hint}")
    return found


def _storable(slug: str) -> bool:
    # PostgreSQL accepts no NUL in a text, not even in a query that would find nothing.
    return slug.isprintable()


def _by_key(view: IssueView) -> SortKey:
    # The state is not part of the order: an issue that closes between two requests must not change its page.
    return (view.connection, len(view.key), view.key)
