"""Parse Jira's issue_updated webhooks with a given field catalogue."""

from connectors.jira.api.field_catalogue import FieldCatalogue, FieldCatalogueCache, add_field_catalogue
from connectors.jira.webhook.events import event_rule_for
from connectors.webhook import decode_object
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.observations import Observation, Snapshot
from tests.connectors.jira.payloads import FIELDS, Json, connection, delivery

BY = connection("token")


def catalogue_of(*fields: Json) -> FieldCatalogue:
    """Return the field catalogue of a site with these fields."""
    return FieldCatalogueCache().fetch(BY, lambda: list(fields))


def read(body: Json, *items: Json, by: Connection = BY, known: FieldCatalogue | None) -> tuple[Observation, ...]:
    """Parse an update of an issue, with this field catalogue."""
    post = delivery("jira:issue_updated", issue=body, items=list(items))
    rule = event_rule_for("jira:issue_updated")
    assert rule.parse
    return rule.parse(decode_object(post.body), add_field_catalogue(by, known))


def snapshot(body: Json, *items: Json, by: Connection = BY, known: FieldCatalogue | None = None) -> Snapshot:
    """Parse an update into exactly one snapshot, by default on a site with Jira Software."""
    (seen,) = read(body, *items, by=by, known=known or catalogue_of(*FIELDS))
    assert isinstance(seen, Snapshot)
    return seen
