"""Evaluate JQL: whether an issue matches a query, by its fields as REST responses show them.

So a field that is added to responses can be queried at once. Text is compared without case, as Jira does.
https://support.atlassian.com/jira-software-cloud/docs/jql-fields/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from simulator.jira.json import Json, issue_json, sprint_json
from simulator.jira.model.host import Host
from simulator.jira.model.issue import Issue, IssueProject
from simulator.jira.model.sprints_and_versions import SPRINT_ID
from simulator.jira.query.dates import FUNCTIONS, moment_of
from simulator.jira.query.fields import field_descriptions
from simulator.jira.query.jql import Clause, Compound, Condition, Empty, Function, JqlError, Operand, Value

_FIELDS: Mapping[str, str] = {
    "project": "project",
    "issuetype": "issuetype",
    "type": "issuetype",
    "status": "status",
    "statuscategory": "status",
    "component": "components",
    "labels": "labels",
    "fixversion": "fixVersions",
    "affectedversion": "versions",
    "assignee": "assignee",
    "reporter": "reporter",
    "creator": "creator",
    "priority": "priority",
    "resolution": "resolution",
    "parent": "parent",
    "summary": "summary",
    "description": "description",
    "created": "created",
    "createddate": "created",
    "updated": "updated",
    "updateddate": "updated",
    "resolved": "resolutiondate",
    "resolutiondate": "resolutiondate",
    "duedate": "duedate",
    "due": "duedate",
}
"""JQL's names of the fields that every site has."""

_KEYS = frozenset({"key", "id", "issue", "issuekey"})
_TEXTS = frozenset({"summary", "description"})
_NAMES = ("id", "key", "name", "value", "accountId", "displayName", "emailAddress")
_LISTS = frozenset(
    {"currentuser", "opensprints", "closedsprints", "futuresprints", "releasedversions", "unreleasedversions"}
)
"""Functions that return values of a field, in lower case."""
_COMPARES: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
}


class QuerySite(Host, Protocol):
    """The site, as queries see it."""

    def find_visible(self, id_or_key: str) -> Issue | None:
        """Return an issue that the caller may see."""

    def find_project(self, id_or_key: str) -> IssueProject | None:
        """Return a project that the caller may see."""


class Matcher:
    """Evaluates a query on issues of one site; checks every name in the query first.

    `strict`: issues that the query names must be there too, as on Data Center by default.
    """

    def __init__(self, site: QuerySite, where: Clause | None, *, strict: bool = False) -> None:
        self._site = site
        self._strict = strict
        self._where = where
        self._clause_names = _clause_names(site)
        self._now = site.clock()
        for condition in conditions(where):
            self._check(condition)

    def matches(self, issue: Issue) -> bool:
        """Return whether an issue matches."""
        if self._where is None:
            return True
        shown = issue_json(issue)["fields"]
        return self._holds(self._where, issue, {**shown, SPRINT_ID: [sprint_json(each) for each in issue.sprints]})

    def sort_key(self, field: str, issue: Issue, body: Json) -> Any:
        """Return the sort key of an issue for a field, given its fields as `body`; an empty value sorts first."""
        if field.lower() in _KEYS:
            project, _, number = issue.key.rpartition("-")
            return (1, project, int(number))
        found = self._shown(field, body)
        if isinstance(found, int | float):
            return (1, "", found)
        values = sorted(_values(found))
        return (1, values[0], 0) if values else (0, "", 0)

    def _holds(self, clause: Clause, issue: Issue, body: Json) -> bool:
        if isinstance(clause, Condition):
            return self._is(clause, issue, body)
        if clause.operator == "not":
            return not self._holds(clause.clauses[0], issue, body)
        together = all if clause.operator == "and" else any
        return together(self._holds(each, issue, body) for each in clause.clauses)

    def _is(self, condition: Condition, issue: Issue, body: Json) -> bool:
        name = condition.field.lower()
        if name in _KEYS:
            return self._is_among({issue.id, issue.key.lower(), *(key.lower() for key in issue.former_keys)}, condition)
        shown = self._shown(condition.field, body)
        if condition.operator in ("~", "!~"):
            return _contains(shown, condition) is (condition.operator == "~")
        if condition.operator in _COMPARES:
            return self._compares(shown, condition)
        return self._is_among(set(_values(shown)), condition)

    def _is_among(self, values: set[str], condition: Condition) -> bool:
        """Compare by equality; except for EMPTY, an issue without the field is neither equal nor unequal."""
        named = any(self._names(operand, values) for operand in condition.operands)
        if condition.operator in ("=", "in", "is"):
            return named
        wants_empty = any(isinstance(operand, Empty) for operand in condition.operands)
        return not named and (bool(values) or wants_empty)

    def _names(self, operand: Operand, values: set[str]) -> bool:
        match operand:
            case Empty():
                return not values
            case Value(text):
                return text.lower() in values
            case Function(name) if name.lower() == "currentuser":
                return self._site.bot.account_id.lower() in values or self._site.bot.name.lower() in values
            case Function(name):
                return f"{name.lower()}()" in values
        raise AssertionError(operand)

    def _compares(self, shown: Any, condition: Condition) -> bool:
        (operand,) = condition.operands
        if shown is None:
            return False
        compare = _COMPARES[condition.operator]
        if isinstance(shown, int | float):
            return compare(shown, _number(operand))
        return compare(datetime.fromisoformat(shown), moment_of(operand, self._now))

    def _shown(self, field: str, body: Json) -> Any:
        name = field.lower()
        if name == "statuscategory":
            return body["status"]["statusCategory"]
        return body.get(self._clause_names.get(name) or _FIELDS.get(name, name))

    def _check(self, condition: Condition) -> None:
        """Raise `JqlError` for an unknown field, project or time."""
        for operand in condition.operands:
            if isinstance(operand, Function) and operand.name.lower() not in (*_LISTS, *FUNCTIONS):
                raise JqlError(f"Unable to find JQL function '{operand.name}()'.")
        name = condition.field.lower()
        if name not in _FIELDS and name not in _KEYS and name not in self._clause_names:
            raise JqlError(f"Field '{condition.field}' does not exist or you do not have permission to view it.")
        if name in _KEYS and self._strict:
            for operand in condition.operands:
                self._check_issue(operand, name)
        if name == "project":
            for operand in condition.operands:
                self._check_project(operand)
        if condition.operator in _COMPARES and _FIELDS.get(name) in ("created", "updated", "resolutiondate", "duedate"):
            moment_of(condition.operands[0], self._now)

    def _check_issue(self, operand: Operand, field: str) -> None:
        if isinstance(operand, Value) and self._site.find_visible(operand.text) is None:
            raise JqlError(f"An issue with key '{operand.text}' does not exist for field '{field}'.")

    def _check_project(self, operand: Operand) -> None:
        if isinstance(operand, Value) and self._site.find_project(operand.text) is None:
            raise JqlError(f"The value '{operand.text}' does not exist for the field 'project'.")


def conditions(where: Clause | None) -> Iterator[Condition]:
    """Return every condition of a query."""
    if isinstance(where, Condition):
        yield where
    elif isinstance(where, Compound):
        for clause in where.clauses:
            yield from conditions(clause)


def _clause_names(site: Host) -> dict[str, str]:
    """Map what a query may call a field to its id, as `/field` shows."""
    return {name.lower(): field["id"] for field in field_descriptions(site) for name in field["clauseNames"]}


def _contains(shown: Any, condition: Condition) -> bool:
    text = shown.lower() if isinstance(shown, str) else " ".join(_values(shown))
    return all(
        word.strip('"').rstrip("*") in text
        for operand in condition.operands
        if isinstance(operand, Value)
        for word in operand.text.lower().split()
    )


def _values(shown: Any) -> Iterator[str]:
    """Yield every name of a value in a query."""
    match shown:
        case None:
            return
        case str():
            yield shown.lower()
        case bool() | int() | float():
            yield f"{shown:g}"
        case dict():
            yield from (str(shown[name]).lower() for name in _NAMES if shown.get(name) is not None)
            yield from _functions(shown)
        case list():
            for each in shown:
                yield from _values(each)


def _functions(shown: Json) -> Iterator[str]:
    """Yield the functions that match a sprint or a version."""
    if shown.get("state") in ("active", "closed", "future"):
        yield {"active": "opensprints()", "closed": "closedsprints()", "future": "futuresprints()"}[shown["state"]]
    if "released" in shown:
        yield "releasedversions()" if shown["released"] else "unreleasedversions()"


def _number(operand: Operand) -> float:
    try:
        return float(operand.text if isinstance(operand, Value) else "")
    except ValueError:
        raise JqlError(f"Number value '{operand}' is invalid.") from None
