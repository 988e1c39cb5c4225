"""A GitHub on loopback: see the docstring of `simulator` for how to use it."""

from simulator.github.app import App, Installation
from simulator.github.comment import Comment
from simulator.github.hub import GitHub
from simulator.github.issue import Issue
from simulator.github.limits import Rules
from simulator.github.planning import IssueType, Label, Milestone
from simulator.github.pull_request import PullRequest
from simulator.github.repository import Repository
from simulator.github.sketch import Sketch

__all__ = [
    "App",
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
    "Sketch",
]
