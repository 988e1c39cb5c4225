"""The connector for Jira."""

from connectors.jira.connector import Jira

__all__ = ["Jira"]
