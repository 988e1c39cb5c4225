"""API routes of queries that are tried before a rule has them: the tracker is asked, one question at a time."""

from flask import Response, abort
from flask_openapi3 import Tag
from pydantic import BaseModel, Field

from sync_service.domain.text import sentence
from sync_service.progress.previews.query_words import query_words, refresh_words
from sync_service.progress.rules.editor import NotAllowed, Refused, Unknown
from sync_service.progress.rules.query_edits import QueryToTry, read_edit
from sync_service.store.engine.database import reading, writing
from sync_service.store.trackers.connections import Configured
from sync_service.store.views.rule_details import rights
from sync_service.web.api.openapi_docs import api_blueprint, responses
from sync_service.web.api.pagination import json_response
from sync_service.web.api.problems import RETRY_SECONDS, not_found, problem
from sync_service.web.api.queries.models import QueryToPreview, QueryWords, TriedQuery
from sync_service.web.request import tracker_questions
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import Guard, current_caller, guarded

blueprint = api_blueprint(
    "api_queries",
    __name__,
    Tag(name="Queries", description="Queries in JQL and GitHub's search, tried with the tracker."),
)


@blueprint.post("/rules/query-preview", responses=responses(TriedQuery, missing=True, conflict=True))
@guarded(Guard.MEMBER)
@tracker_questions.limited
def preview_query(body: QueryToPreview) -> Response:
    """Ask the tracker what a query finds, and say what saving it would do. Whoever may save such a rule may ask.

    Nothing is saved. An answer that is not about the query never looks like "no matches": see `outcome`.
    """
    caller = current_caller()
    assert caller is not None  # the route requires a role
    try:
        with reading(services().engine) as tx:
            writer = rights.writer(tx, role=caller.role.value, person_id=caller.person_id)
            edit = read_edit(tx, QueryToTry(**body.model_dump()), writer=writer, now=services().now())
        with tracker_questions.asking():
            found = services().queries.preview(edit)
    except Unknown as error:
        not_found(sentence(str(error)))
    except NotAllowed as error:
        abort(problem(403, sentence(str(error))))
    except Refused as error:
        abort(problem(409, sentence(str(error))))
    except tracker_questions.Busy:
        busy = problem(503, tracker_questions.BUSY)
        busy.headers["Retry-After"] = str(RETRY_SECONDS)
        abort(busy)
    return json_response(TriedQuery.json_of(found))


class ConnectionPath(BaseModel):
    """The path parameter of one connection."""

    slug: str = Field(
        description="the connection's slug",
        max_length=100,
        pattern="^[^\\x00]*$",
        json_schema_extra={"example": "acme-jira"},
    )


@blueprint.get("/connections/<slug>/autocomplete", responses=responses(QueryWords, missing=True))
@guarded(Guard.MEMBER)
def show_query_words(path: ConnectionPath) -> Response:
    """List the words that a query of a connection may have: fields, operators, functions, and known values."""
    connection = _connection(path.slug)
    with reading(services().engine) as tx:
        found = query_words(tx, services().connectors[connection.kind], connection)
    return json_response(QueryWords.json_of(found))


@blueprint.post("/connections/<slug>/autocomplete", responses=responses(QueryWords, missing=True))
@guarded(Guard.MEMBER)
@tracker_questions.limited
def refresh_query_words(path: ConnectionPath) -> Response:
    """Have the tracker asked for the words again, within seconds and once a minute at most; return those of before."""
    connection = _connection(path.slug)
    connector = services().connectors[connection.kind]
    with writing(services().engine) as tx:
        found = query_words(tx, connector, connection)
        is_due = refresh_words(tx, connector, connection, now=services().now())
    if is_due:
        wake("scheduled_task")
    return json_response(QueryWords.json_of(found))


def _connection(slug: str) -> Configured:
    found = services().connections.named(slug)
    if found is None:
        not_found(f"There is no connection {slug!r}. GET /api/v1/connections lists all.")
    return found
