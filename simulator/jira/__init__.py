"""A Jira on loopback: see the docstring of `simulator` for how to use it."""

from simulator.jira.model.issue import Issue
from simulator.jira.model.project import Project
from simulator.jira.oauth_server import Atlassian
from simulator.jira.server import Jira

__all__ = ["Atlassian", "Issue", "Jira", "Project"]
