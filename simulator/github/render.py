"""Turns the simulator's objects, wherever they stand in a message, into GitHub's JSON."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from simulator.github.bodies import Site, issue_type, label, milestone, moment, repository, user
from simulator.github.comment import AsIssue, Comment
from simulator.github.hook_bodies import hook_body
from simulator.github.hooks import Hook
from simulator.github.issue import Issue
from simulator.github.planning import IssueType, Label, Milestone, User
from simulator.github.pull_request import PullRequest
from simulator.github.repository import Repository
from simulator.github.work import comment_body, issue_body, pull_request_body

_WRITERS: Mapping[type, Callable[[Any, Site], Any]] = {
    datetime: lambda when, _site: moment(when),
    User: user,
    Label: lambda each, _site: label(each),
    Milestone: milestone,
    IssueType: lambda kind, _site: issue_type(kind),
    Repository: lambda place, _site: repository(place),
    Hook: lambda hook, _site: hook_body(hook),
    Comment: lambda comment, _site: comment_body(comment),
    AsIssue: lambda work, _site: issue_body(work.issue),
    Issue: lambda work, _site: issue_body(work),
    PullRequest: lambda pull, _site: pull_request_body(pull),
}


def render(thing: Any, site: Site) -> Any:
    """Turn an object, or a dictionary that holds objects, into JSON; `site` says where the simulated GitHub is."""
    if isinstance(thing, dict):
        return {key: render(value, site) for key, value in thing.items()}
    write = _WRITERS.get(type(thing))
    return thing if write is None else write(thing, site)
