"""Updates of issues as a webhook of Jira tells them, read with what is known of the site's fields."""

from connectors.jira.catalogue import Catalogue, Catalogues, informed
from connectors.jira.events import treatment_of
from connectors.letters import json_object
from sync_service.domain.connectors import Connection
from sync_service.domain.issues import Observation, Snapshot
from tests.connectors.jira_letters import FIELDS, Json, connection, letter

BY = connection("token")


def catalogue_of(*fields: Json) -> Catalogue:
    """Give what a site that answers so is known to have."""
    return Catalogues().fetch(BY, lambda: list(fields))


def read(body: Json, *items: Json, by: Connection = BY, known: Catalogue | None) -> tuple[Observation, ...]:
    """Read an update of an issue, with what is known of the site's fields."""
    post = letter("jira:issue_updated", issue=body, items=list(items))
    treatment = treatment_of("jira:issue_updated")
    assert treatment.read
    return treatment.read(json_object(post.body), informed(by, known))


def snapshot(body: Json, *items: Json, by: Connection = BY, known: Catalogue | None = None) -> Snapshot:
    """Read an update that must be one snapshot, on a site with Jira Software unless it is said otherwise."""
    (seen,) = read(body, *items, by=by, known=known or catalogue_of(*FIELDS))
    assert isinstance(seen, Snapshot)
    return seen
