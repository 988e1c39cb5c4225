"""Fields of GitHub Projects: deliveries that may change them, and the GraphQL query that fetches them.

Deliveries about a project's items name the issue by its node id only, and only webhooks of an organization send them.
A GraphQL query for a hundred issues costs about one point. An issue may be in several projects that have the field:
items that are not archived win over archived ones, then the project with the highest number wins.
https://docs.github.com/en/webhooks/webhook-events-and-payloads#projects_v2_item
https://docs.github.com/en/graphql/reference/objects#projectv2item
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.github.api.client import GitHubClient
from connectors.github.api.graphql_queries import PROJECTS
from connectors.github.issues.resolve_node import node_identity
from connectors.github.model.number_fields import NumberFields, ProjectValues, number_fields_of
from connectors.json_fields import Json, exact_text, json_object, json_objects, number
from sync_service.domain.trackers.connector import Connection, Gone, Refused, Rejected
from sync_service.domain.trackers.observations import FetchNeeded, Ignored, Observation

MOST_NODES = 100
"""Most node ids of one query."""

MOST_PROJECTS = 20
"""Most projects of one issue. The number of an issue in more projects is unknown."""

_HOLD_NUMBERS = ("number", "text", "single_select")
"""Types of fields in which people keep numbers."""

_HOLD_OTHERS = ("date", "iteration")
"""Further types of fields that rules may name."""

_NODE = re.compile(r"[A-Za-z0-9_=+/-]{1,100}", re.ASCII)
_LOGIN = re.compile(r"[A-Za-z0-9_-]{1,60}", re.ASCII)


def read_project_item(payload: Json, connection: Connection) -> tuple[Observation, ...]:
    """Ask for a fetch of the issue when a field that we read may have changed."""
    if reason := _irrelevant(payload, number_fields_of(connection)):
        return (Ignored(reason),)
    node = exact_text(json_object(payload.get("projects_v2_item")).get("content_node_id"), 100)
    login = exact_text(json_object(payload.get("organization")).get("login"), 60)
    if node is None or login is None or not _NODE.fullmatch(node) or not _LOGIN.fullmatch(login):
        return (Ignored("the delivery does not say which issue it is about"),)
    if not connection.has_credentials:
        return (Ignored("it names its issue by a node id only, which needs a token or an app to resolve"),)
    reason = "a field of a project may have changed"
    return (FetchNeeded(identity=node_identity(login, node), key=f"{login}, {node}", reason=reason),)


def _irrelevant(payload: Json, wanted: NumberFields) -> str | None:
    if not wanted.names:
        return "no fields are read: the connection sets neither points_field, number_fields nor fields"
    if json_object(payload.get("projects_v2_item")).get("content_type") != "Issue":
        return "fields are read of issues only, and this is a draft or a pull request"
    if payload.get("action") != "edited":
        return None
    change = json_object(json_object(payload.get("changes")).get("field_value"))
    if change.get("field_type") not in (*_HOLD_NUMBERS, *(_HOLD_OTHERS if wanted.custom else ())):
        return "no field changed that could be read"
    name = change.get("field_name")
    return None if name is None or wanted.named(name) else "a field changed that is not read"


def fetch_project_numbers(
    calls: GitHubClient, issues: Sequence[Json], wanted: NumberFields, *, repository: str
) -> Mapping[str, ProjectValues]:
    """Fetch the values that projects have of issues in the shape of REST: node id → values. Others are unknown.

    Only issues that lack one of the fields are queried. The result is empty when the credentials may not see projects
    or the server has none. Raise `Unavailable`.
    """
    nodes = [node for one in issues if wanted.lacking(one) and (node := exact_text(one.get("node_id"), 100))]
    shown: dict[str, ProjectValues] = {}
    if not wanted.elsewhere:
        return shown
    for at in range(0, len(nodes), MOST_NODES):
        if PROJECTS in calls.site.lacks:
            break
        query = _ProjectQuery(nodes=nodes[at : at + MOST_NODES], names=wanted.names, custom=bool(wanted.custom))
        try:
            answer = calls.graphql_partial(query, repository=repository)
        except (Gone, Refused, Rejected):
            break
        faulty = {path[1] for path in answer.faults if path[:1] == ("nodes",) and len(path) > 1}
        listed = answer.data.get("nodes")
        for index, one in enumerate(listed if isinstance(listed, list) else ()):
            values = _values(json_object(one), wanted.names)
            node = exact_text(json_object(one).get("id"), 100)
            if values is not None and node is not None and str(index) not in faulty:
                shown[node] = values
    return shown


_OTHERS = " ... on ProjectV2ItemFieldDateValue { date } ... on ProjectV2ItemFieldIterationValue { title startDate }"


@dataclass(frozen=True, slots=True, kw_only=True)
class _ProjectQuery:
    nodes: Sequence[str]
    names: Sequence[str]
    custom: bool

    def text(self, lacking: Collection[str]) -> str:
        """Return the query. There is no other form for a server without projects."""
        del lacking
        declared = "".join(f", $n{index}: String!" for index in range(len(self.names)))
        values = " ".join(
            f"n{index}: fieldValueByName(name: $n{index}) {{ ... on ProjectV2ItemFieldNumberValue {{ number }}"
            " ... on ProjectV2ItemFieldTextValue { text } ... on ProjectV2ItemFieldSingleSelectValue { name }"
            f"{_OTHERS if self.custom else ''} }}"
            for index in range(len(self.names))
        )
        items = (
            f"projectItems(first: {MOST_PROJECTS}) {{"
            f" nodes {{ isArchived project {{ number }} {values} }} pageInfo {{ hasNextPage }} }}"
        )
        return f"query($ids: [ID!]!{declared}) {{ nodes(ids: $ids) {{ ... on Issue {{ id {items} }} }} }}"

    def variables(self) -> dict[str, Any]:
        """Return the values of the query's variables."""
        return {"ids": list(self.nodes), **{f"n{index}": name for index, name in enumerate(self.names)}}


def _values(issue_json: Json, names: Sequence[str]) -> ProjectValues | None:
    """Return the values of each field, the strongest first; None when the reply does not show all items."""
    items = json_object(issue_json.get("projectItems"))
    listed = items.get("nodes")
    found = json_objects(listed)
    hidden = not isinstance(listed, list) or len(found) < len(listed)
    if hidden or json_object(items.get("pageInfo")).get("hasNextPage") is not False:
        return None
    ranked = sorted(found, key=_rank, reverse=True)
    return {name: [json_object(item.get(f"n{index}")) for item in ranked] for index, name in enumerate(names)}


def _rank(item: Json) -> tuple[bool, float]:
    return item.get("isArchived") is not True, number(json_object(item.get("project")).get("number")) or 0
