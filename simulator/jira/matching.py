"""Whether an issue is what a JQL query asks for, judged by its fields as REST answers show them.

So a field that answers come to have can be asked for at once. Text is compared without case, as Jira does.
https://support.atlassian.com/jira-software-cloud/docs/jql-fields/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from simulator.jira.bodies import Body, issue_body
from simulator.jira.dates import FUNCTIONS, moment_of
from simulator.jira.jql import Clause, Compound, Condition, Empty, Function, JqlError, Operand, Value
from simulator.jira.plans import SPRINT_ID, sprint_body

if TYPE_CHECKING:
    from simulator.jira.issue import Issue
    from simulator.jira.site import Jira

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
"""The words of JQL for fields that every site has."""

_KEYS = frozenset({"key", "id", "issue", "issuekey"})
_TEXTS = frozenset({"summary", "description"})
_NAMES = ("id", "key", "name", "value", "accountId", "displayName", "emailAddress")
_LISTS = frozenset(
    {"currentuser", "opensprints", "closedsprints", "futuresprints", "releasedversions", "unreleasedversions"}
)
"""Functions that give what a field may have, in lower case."""
_COMPARES: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
}


class Matcher:
    """Judges issues of one site by the clauses of a query; every name in the query is checked before.

    `strict`: issues that the query names must be there too, as Data Center has it unless told otherwise.
    """

    def __init__(self, site: Jira, where: Clause | None, *, strict: bool = False) -> None:
        self._site = site
        self._strict = strict
        self._where = where
        self._clause_names = _clause_names(site)
        self._now = site.clock()
        for condition in conditions(where):
            self._check(condition)

    def takes(self, issue: Issue) -> bool:
        """Say whether an issue is asked for."""
        if self._where is None:
            return True
        shown = issue_body(issue)["fields"]
        return self._holds(self._where, issue, {**shown, SPRINT_ID: [sprint_body(each) for each in issue.sprints]})

    def place(self, field: str, issue: Issue, body: Body) -> Any:
        """Give what an issue is ordered by under a field, given its fields as `body`; nothing goes first."""
        if field.lower() in _KEYS:
            project, _, number = issue.key.rpartition("-")
            return (1, project, int(number))
        found = self._shown(field, body)
        if isinstance(found, int | float):
            return (1, "", found)
        told = sorted(_words(found))
        return (1, told[0], 0) if told else (0, "", 0)

    def _holds(self, clause: Clause, issue: Issue, body: Body) -> bool:
        if isinstance(clause, Condition):
            return self._is(clause, issue, body)
        if clause.operator == "not":
            return not self._holds(clause.clauses[0], issue, body)
        together = all if clause.operator == "and" else any
        return together(self._holds(each, issue, body) for each in clause.clauses)

    def _is(self, condition: Condition, issue: Issue, body: Body) -> bool:
        name = condition.field.lower()
        if name in _KEYS:
            return self._is_among({issue.id, issue.key.lower(), *(key.lower() for key in issue.former_keys)}, condition)
        shown = self._shown(condition.field, body)
        if condition.operator in ("~", "!~"):
            return _contains(shown, condition) is (condition.operator == "~")
        if condition.operator in _COMPARES:
            return self._compares(shown, condition)
        return self._is_among(set(_words(shown)), condition)

    def _is_among(self, words: set[str], condition: Condition) -> bool:
        """Judge by equality; but for EMPTY, an issue without the field is neither equal nor unequal."""
        named = any(self._names(operand, words) for operand in condition.operands)
        if condition.operator in ("=", "in", "is"):
            return named
        wants_empty = any(isinstance(operand, Empty) for operand in condition.operands)
        return not named and (bool(words) or wants_empty)

    def _names(self, operand: Operand, words: set[str]) -> bool:
        match operand:
            case Empty():
                return not words
            case Value(text):
                return text.lower() in words
            case Function(name) if name.lower() == "currentuser":
                return self._site.bot.account_id.lower() in words or self._site.bot.name.lower() in words
            case Function(name):
                return f"{name.lower()}()" in words
        raise AssertionError(operand)

    def _compares(self, shown: Any, condition: Condition) -> bool:
        (operand,) = condition.operands
        if shown is None:
            return False
        compare = _COMPARES[condition.operator]
        if isinstance(shown, int | float):
            return compare(shown, _number(operand))
        return compare(datetime.fromisoformat(shown), moment_of(operand, self._now))

    def _shown(self, field: str, body: Body) -> Any:
        name = field.lower()
        if name == "statuscategory":
            return body["status"]["statusCategory"]
        return body.get(self._clause_names.get(name) or _FIELDS.get(name, name))

    def _check(self, condition: Condition) -> None:
        """Raise `JqlError` where a field, a project or a time is not known."""
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
    """Give every condition of a query."""
    if isinstance(where, Condition):
        yield where
    elif isinstance(where, Compound):
        for clause in where.clauses:
            yield from conditions(clause)


def _clause_names(site: Jira) -> dict[str, str]:
    """Map what a query may call a field to its id, as `/field` tells."""
    from simulator.jira.answers import fields_of  # noqa: PLC0415  answers search by what is here

    return {name.lower(): field["id"] for field in fields_of(site) for name in field["clauseNames"]}


def _contains(shown: Any, condition: Condition) -> bool:
    text = shown.lower() if isinstance(shown, str) else " ".join(_words(shown))
    return all(
        word.strip('"').rstrip("*") in text
        for operand in condition.operands
        if isinstance(operand, Value)
        for word in operand.text.lower().split()
    )


def _words(shown: Any) -> Iterator[str]:
    """Give all that a value may be called in a query."""
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
                yield from _words(each)


def _functions(shown: Body) -> Iterator[str]:
    """Give the functions that name a sprint or a version."""
    if shown.get("state") in ("active", "closed", "future"):
        yield {"active": "opensprints()", "closed": "closedsprints()", "future": "futuresprints()"}[shown["state"]]
    if "released" in shown:
        yield "releasedversions()" if shown["released"] else "unreleasedversions()"


def _number(operand: Operand) -> float:
    try:
        return float(operand.text if isinstance(operand, Value) else "")
    except ValueError:
        raise JqlError(f"Number value '{operand}' is invalid.") from None
