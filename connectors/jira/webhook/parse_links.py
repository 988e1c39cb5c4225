"""Parse webhooks about links between issues: on Data Center they alone say that an issue has another epic.

They name both issues by id only, and say neither their keys nor when they changed. Which end is the epic is not
documented, so both are fetched.
https://developer.atlassian.com/server/jira/platform/webhooks/
"""

from connectors.json_fields import Json, identifier, json_object
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.observations import FetchNeeded, Ignored, Observation

NOT_USED = "links between issues are not used, except those to an epic or parent: then the issues are fetched"

_REASON = "its epic or parent may have changed"


def read_link(payload: Json, _connection: Connection) -> tuple[Observation, ...]:
    """Ask for a fetch of both issues where Jira itself made the link, as for an epic."""
    link = json_object(payload.get("issueLink"))
    kind = json_object(link.get("issueLinkType"))
    if True not in (link.get("systemLink"), kind.get("isSystemLinkType"), kind.get("isSubTaskLinkType")):
        return (Ignored(NOT_USED),)
    ends = (identifier(link.get("sourceIssueId")), identifier(link.get("destinationIssueId")))
    found = tuple(FetchNeeded(identity=id_, key=f"issue {id_}", reason=_REASON) for id_ in ends if id_)
    return found or (Ignored("the delivery does not say which issues are linked"),)
