"""A GitHub on loopback: see the docstring of `simulator` for how to use it."""

from simulator.github.limits import Rules
from simulator.github.model.accounts import IssueType
from simulator.github.model.app import App, Installation
from simulator.github.model.bulk_issues import BulkIssue
from simulator.github.model.comment import Comment
from simulator.github.model.issue import Issue
from simulator.github.model.labels_and_milestones import Label, Milestone
from simulator.github.model.pull_request import PullRequest
from simulator.github.model.repository import Repository
from simulator.github.server import GitHub

__all__ = [
    "App",
    "BulkIssue",
    "Comment",
    "GitHub",
    "Installation",
    "Issue",
    "IssueType",
    "Label",
    "Milestone",
    "PullRequest",
    "Repository",
    "Rules",
]
