"""API routes of the plain, read-only lists: objectives, cycles, rules, connections, deliveries, notices."""

from flask import Response
from flask_openapi3 import Tag

from sync_service.store.engine.database import reading
from sync_service.store.views import lists
from sync_service.web.api.list_models import (
    ConnectionList,
    CycleList,
    DeliveryList,
    NoticeList,
    ObjectiveList,
    RuleList,
)
from sync_service.web.api.openapi_docs import api_blueprint, responses
from sync_service.web.api.pagination import PageQuery, id_after, id_of, page
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded

blueprint = api_blueprint(
    "api_lists", __name__, Tag(name="Lists", description="Configuration, received deliveries and notices.")
)


@blueprint.get("/objectives", responses=responses(ObjectiveList, list_=True))
@guarded(Guard.VIEWER)
def list_objectives(query: PageQuery) -> Response:
    """List the objectives."""
    with reading(services().engine) as tx:
        found = lists.objectives(tx, after=id_after(query), limit=query.limit + 1)
    return page(found, limit=query.limit, sort_key=id_of, model=ObjectiveList)


@blueprint.get("/cycles", responses=responses(CycleList, list_=True))
@guarded(Guard.VIEWER)
def list_cycles(query: PageQuery) -> Response:
    """List the cycles."""
    with reading(services().engine) as tx:
        found = lists.cycles(tx, services().now(), after=id_after(query), limit=query.limit + 1)
    return page(found, limit=query.limit, sort_key=id_of, model=CycleList)


@blueprint.get("/rules", responses=responses(RuleList, list_=True))
@guarded(Guard.VIEWER)
def list_rules(query: PageQuery) -> Response:
    """List the mapping rules."""
    with reading(services().engine) as tx:
        found = lists.rules(tx, after=id_after(query), limit=query.limit + 1)
    return page(found, limit=query.limit, sort_key=id_of, model=RuleList)


@blueprint.get("/connections", responses=responses(ConnectionList, list_=True))
@guarded(Guard.VIEWER)
def list_connections(query: PageQuery) -> Response:
    """List the connections. Credentials are left out."""
    with reading(services().engine) as tx:
        found = lists.connections(tx, after=id_after(query), limit=query.limit + 1)
    return page(found, limit=query.limit, sort_key=id_of, model=ConnectionList)


@blueprint.get("/deliveries", responses=responses(DeliveryList, list_=True))
@guarded(Guard.ADMIN)
def list_deliveries(query: PageQuery) -> Response:
    """List the received deliveries, newest first. Bodies are left out."""
    with reading(services().engine) as tx:
        found = lists.deliveries(tx, before=id_after(query), limit=query.limit + 1)
    return page(found, limit=query.limit, sort_key=id_of, model=DeliveryList)


@blueprint.get("/notices", responses=responses(NoticeList, list_=True))
@guarded(Guard.ADMIN)
def list_notices(query: PageQuery) -> Response:
    """List the notices, newest first."""
    with reading(services().engine) as tx:
        found = lists.notices(tx, before=id_after(query), limit=query.limit + 1)
    return page(found, limit=query.limit, sort_key=id_of, model=NoticeList)
