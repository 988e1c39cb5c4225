"""Turns the simulator's objects, wherever they stand in a message, into GitHub's JSON."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from simulator.github.bodies import Body, api, issue_type, label, milestone, moment, repository, user
from simulator.github.hooks import Hook
from simulator.github.issue import Issue
from simulator.github.planning import IssueType, Label, Milestone, User
from simulator.github.pull_request import PullRequest
from simulator.github.repository import Repository
from simulator.github.work import issue_body, pull_request_body


def hook(hook: Hook, site: str) -> Body:
    """Write a hook as its ping carries it: the secret stays hidden."""
    place = f"{site}/orgs" if hook.repository is None else api(hook.repository)
    config: Body = {"content_type": hook.content_type, "insecure_ssl": "0", "url": hook.url}
    if hook.secret:
        config |= {"secret": "********"}
    return {
        "type": "Organization" if hook.repository is None else "Repository",
        "id": hook.id,
        "name": "web",
        "active": True,
        "events": list(hook.events),
        "config": config,
        "updated_at": moment(hook.created),
        "created_at": moment(hook.created),
        "url": f"{place}/hooks/{hook.id}",
        "ping_url": f"{place}/hooks/{hook.id}/pings",
        "deliveries_url": f"{place}/hooks/{hook.id}/deliveries",
    }


_WRITERS: Mapping[type, Callable[[Any, str], Any]] = {
    datetime: lambda when, _site: moment(when),
    User: user,
    Label: lambda each, _site: label(each),
    Milestone: milestone,
    IssueType: lambda kind, _site: issue_type(kind),
    Repository: lambda place, _site: repository(place),
    Hook: hook,
    Issue: lambda work, _site: issue_body(work),
    PullRequest: lambda pull, _site: pull_request_body(pull),
}


def render(thing: Any, site: str) -> Any:
    """Turn an object, or a dictionary that holds objects, into JSON; `site` is the address of the simulated GitHub."""
    if isinstance(thing, dict):
        return {key: render(value, site) for key, value in thing.items()}
    write = _WRITERS.get(type(thing))
    return thing if write is None else write(thing, site)
