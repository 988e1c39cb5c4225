"""Render the objects in a webhook's message as GitHub's JSON."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from simulator.github.json.apps import installation_json, short_repository_json
from simulator.github.json.common import (
    issue_type_json,
    label_json,
    milestone_json,
    moment,
    organization_json,
    repository_json,
    user_json,
)
from simulator.github.json.fields import changed_field_json, changed_value_json
from simulator.github.json.hooks import hook_json
from simulator.github.json.issues import comment_json, issue_json, pull_request_json
from simulator.github.json.projects import project_item_json
from simulator.github.model.accounts import AsOrganization, IssueType, User
from simulator.github.model.app import Installation, ShortRepository
from simulator.github.model.comment import Comment, IssuesApiView
from simulator.github.model.fields import ChangedField, ChangedValue
from simulator.github.model.hooks import Hook
from simulator.github.model.host import Site
from simulator.github.model.issue import Issue
from simulator.github.model.labels_and_milestones import Label, Milestone
from simulator.github.model.projects import ProjectItem
from simulator.github.model.pull_request import PullRequest
from simulator.github.model.repository import Repository

_WRITERS: Mapping[type, Callable[[Any, Site], Any]] = {
    datetime: lambda when, _site: moment(when),
    User: user_json,
    Label: lambda each, _site: label_json(each),
    Milestone: milestone_json,
    IssueType: lambda kind, _site: issue_type_json(kind),
    Repository: lambda repo, _site: repository_json(repo),
    Hook: lambda hook, _site: hook_json(hook),
    Comment: lambda comment, _site: comment_json(comment),
    IssuesApiView: lambda work, _site: issue_json(work.issue),
    Issue: lambda work, _site: issue_json(work),
    PullRequest: lambda pull, _site: pull_request_json(pull),
    AsOrganization: lambda each, site: organization_json(each.account, site),
    ChangedField: lambda each, _site: changed_field_json(each.field),
    ChangedValue: lambda each, _site: changed_value_json(each.field, each.value),
    Installation: lambda installation, _site: installation_json(installation),
    ShortRepository: lambda each, _site: short_repository_json(each.repository),
    ProjectItem: lambda item, _site: project_item_json(item),
}


def render(thing: Any, site: Site) -> Any:
    """Return an object, or a dictionary or list of objects, as JSON with the URLs of `site`."""
    if isinstance(thing, dict):
        return {key: render(value, site) for key, value in thing.items()}
    if isinstance(thing, list):
        return [render(each, site) for each in thing]
    write = _WRITERS.get(type(thing))
    return thing if write is None else write(thing, site)
