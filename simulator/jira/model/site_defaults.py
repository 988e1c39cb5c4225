"""The defaults of a new Jira site: issue types, statuses, resolutions and priorities.

Categories are those of https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-workflow-status-categories/.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class User:
    """An account. Cloud knows it by `account_id`, Data Center by `name`."""

    account_id: str
    name: str
    display_name: str
    email: str


@dataclass(frozen=True)
class IssueType:
    """A type of issue; `level` is -1 for subtasks, 0 for ordinary issues, 1 for epics."""

    id: str
    name: str
    level: int = 0


@dataclass(frozen=True)
class StatusCategory:
    """One of the categories that every site has; `key` is the one name that is never translated."""

    id: int
    key: str
    name: str
    color: str


@dataclass(frozen=True)
class Status:
    """A status of the workflow."""

    id: str
    name: str
    category: StatusCategory


@dataclass(frozen=True)
class Named:
    """A resolution, a priority or a component: an id and a name."""

    id: str
    name: str


CATEGORIES = {
    "new": StatusCategory(2, "new", "To Do", "blue-gray"),
    "indeterminate": StatusCategory(4, "indeterminate", "In Progress", "yellow"),
    "done": StatusCategory(3, "done", "Done", "green"),
}

TYPES = (
    IssueType("10000", "Epic", 1),
    IssueType("10001", "Story"),
    IssueType("10002", "Task"),
    IssueType("10003", "Sub-task", -1),
    IssueType("10004", "Bug"),
)

STATUSES = (
    Status("10000", "To Do", CATEGORIES["new"]),
    Status("3", "In Progress", CATEGORIES["indeterminate"]),
    Status("10001", "Done", CATEGORIES["done"]),
)

RESOLUTIONS = (
    Named("10000", "Done"),
    Named("10001", "Won't Do"),
    Named("10002", "Duplicate"),
    Named("10003", "Cannot Reproduce"),
)

PRIORITIES = (Named("1", "Highest"), Named("2", "High"), Named("3", "Medium"), Named("4", "Low"), Named("5", "Lowest"))
