"""A Jira on loopback: see the docstring of `simulator` for how to use it."""

from simulator.jira.atlassian import Atlassian
from simulator.jira.issue import Issue
from simulator.jira.project import Project
from simulator.jira.site import Jira

__all__ = ["Atlassian", "Issue", "Jira", "Project"]
