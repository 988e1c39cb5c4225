"""Parse Jira's issue_updated webhooks with a given field catalogue."""

from connectors.jira.api.field_catalogue import Catalogue, Catalogues, informed
from connectors.jira.webhook.events import treatment_of
from connectors.webhook import json_object
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.observations import Observation, Snapshot
from tests.connectors.jira.payloads import FIELDS, Json, connection, letter

BY = connection("token")


def catalogue_of(*fields: Json) -> Catalogue:
    """Return the field catalogue of a site with these fields."""
    return Catalogues().fetch(BY, lambda: list(fields))


def read(body: Json, *items: Json, by: Connection = BY, known: Catalogue | None) -> tuple[Observation, ...]:
    """Parse an update of an issue, with this field catalogue."""
    post = letter("jira:issue_updated", issue=body, items=list(items))
    rule = treatment_of("jira:issue_updated")
    assert rule.read
    return rule.read(json_object(post.body), informed(by, known))


def snapshot(body: Json, *items: Json, by: Connection = BY, known: Catalogue | None = None) -> Snapshot:
    """Parse an update into exactly one snapshot, by default on a site with Jira Software."""
    (seen,) = read(body, *items, by=by, known=known or catalogue_of(*FIELDS))
    assert isinstance(seen, Snapshot)
    return seen
