"""Write an item of a project as JSON, as its webhook carries it."""

from simulator.github.json.common import Json, moment, user_json
from simulator.github.model.projects import ProjectItem
from simulator.github.model.pull_request import PullRequest


def project_item_json(item: ProjectItem) -> Json:
    """Write an item of a project."""
    return {
        "id": item.id,
        "node_id": item.node_id,
        "project_node_id": item.project.node_id,
        "content_node_id": item.issue.node_id,
        "content_type": "PullRequest" if isinstance(item.issue, PullRequest) else "Issue",
        "creator": user_json(item.creator, item.project.hub.site),
        "created_at": moment(item.created),
        "updated_at": moment(item.updated),
        "archived_at": moment(item.archived),
    }
