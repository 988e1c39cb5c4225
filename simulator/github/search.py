"""Searches for issues: GitHub's query language, as far as the simulator understands it.

https://docs.github.com/en/search-github/searching-on-github/searching-issues-and-pull-requests

Unknown qualifiers are refused, not ignored, so that no test passes by luck.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from simulator.github.model.issue import Issue
from simulator.github.model.pull_request import PullRequest
from simulator.github.model.repository import Repository

LONGEST = 256
_TOKEN = re.compile(r'(-?)(?:([a-z-]+):)?((?:"[^"]*"|[^\s"])+)')


class SearchError(ValueError):
    """GitHub refuses the query; the message says why."""


Predicate = Callable[[Issue], bool]


@dataclass(frozen=True)
class Term:
    """One part of a query; without a qualifier it is a word to look for."""

    qualifier: str
    value: str
    holds: Predicate


@dataclass(frozen=True)
class Search:
    """A parsed query."""

    terms: tuple[Term, ...]

    @property
    def names_a_kind(self) -> bool:
        """Return whether it asks for issues or for pull requests, which apps' tokens must."""
        kinds = ("issue", "pr", "pull-request")
        return any(term.qualifier in ("is", "type") and term.value in kinds for term in self.terms)

    def repositories(self, visible: Iterable[Repository]) -> list[Repository]:
        """Return the repositories to search; raise `SearchError` for one that is not there or cannot be seen."""
        visible = list(visible)
        owners = [term.value.casefold() for term in self.terms if term.qualifier in ("org", "user")]
        named = [term.value.casefold() for term in self.terms if term.qualifier == "repo"]
        known = {repo.full_name.casefold() for repo in visible}
        if any(name not in known for name in named):
            raise SearchError(
                "The listed users and repositories cannot be searched either because the resources do not exist "
                "or you do not have permission to view them."
            )
        if not owners and not named:
            return visible
        return [repo for repo in visible if repo.full_name.casefold() in named or repo.owner.login.casefold() in owners]

    def finds(self, issue: Issue) -> bool:
        """Return whether an issue matches."""
        return all(term.holds(issue) for term in self.terms)

    def find(self, repositories: Iterable[Repository]) -> Iterator[Issue]:
        """Return all that is found."""
        return (issue for repo in repositories for issue in repo.issues.peek_all() if self.finds(issue))


def parse_search(query: str) -> Search:
    """Parse a query; raise `SearchError`."""
    if len(query) > LONGEST:
        raise SearchError(f"The search is longer than {LONGEST} characters.")
    terms = tuple(_term(*groups) for groups in _TOKEN.findall(query))
    if not terms:
        raise SearchError("Validation Failed")
    return Search(terms)


def _term(minus: str, qualifier: str, quoted: str) -> Term:
    value = quoted.strip('"')
    if qualifier not in ("", *_SCOPE_QUALIFIERS, *_QUALIFIERS):
        raise SearchError(f"This simulator does not understand the qualifier {qualifier!r}")
    if quoted in ("AND", "OR", "NOT") or set(quoted) & set("()"):
        raise SearchError(f"This simulator does not understand {quoted!r}")
    if qualifier in _SCOPE_QUALIFIERS:
        return Term(qualifier, value, lambda _issue: True)
    holds = _QUALIFIERS[qualifier](value.casefold()) if qualifier else _word(value.casefold())
    return Term(qualifier, value, (lambda issue: not holds(issue)) if minus else holds)


def _word(word: str) -> Predicate:
    return lambda issue: word in issue.title.casefold() or word in (issue.body or "").casefold()


def _is(value: str) -> Predicate:
    if value not in _KINDS:
        raise SearchError(f"This simulator does not understand is:{value}")
    return _KINDS[value]


def _type(value: str) -> Predicate:
    if value in ("issue", "pr"):
        return _KINDS[value]
    return lambda issue: issue.type is not None and issue.type.name.casefold() == value


def _labelled(value: str) -> Predicate:
    requested = {each.strip('"') for each in value.split(",")}
    return lambda issue: any(label.name.casefold() in requested for label in issue.labels)


def _lacks(value: str) -> Predicate:
    if value not in _ATTRIBUTES:
        raise SearchError(f"This simulator does not understand no:{value}")
    return lambda issue: not _ATTRIBUTES[value](issue)


def _reason(value: str) -> Predicate:
    return lambda issue: issue.closed is not None and issue.state_reason == value.replace(" ", "_")


def _time(read: Callable[[Issue], datetime | None]) -> Callable[[str], Predicate]:
    def bounded(value: str) -> Predicate:
        low, between, high = value.partition("..")
        bounds = [_bound(f">={low}"), _bound(f"<={high}")] if between else [_bound(value)]

        def within(issue: Issue) -> bool:
            when = read(issue)
            return when is not None and all(holds(when) for holds in bounds)

        return within

    return bounded


def _bound(text: str) -> Callable[[datetime], bool]:
    """Compare with a day or a second, whichever the text names; `*` is no bound."""
    sign = next(each for each in _COMPARISONS if text.startswith(each))
    named = text.removeprefix(sign).upper()
    if named == "*":
        return lambda _when: True
    try:
        moment = datetime.fromisoformat(named)
    except ValueError as error:
        raise SearchError(f"{named!r} is not a recognized date/time format") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    unit = _DAY if "T" not in named else 1
    bound, compare = moment.timestamp() // unit, _COMPARISONS[sign]
    return lambda when: compare(when.timestamp() // unit, bound)


_DAY = 86_400
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "": operator.eq,
}
_KINDS: Mapping[str, Predicate] = {
    "issue": lambda issue: not isinstance(issue, PullRequest),
    "pr": lambda issue: isinstance(issue, PullRequest),
    "pull-request": lambda issue: isinstance(issue, PullRequest),
    "open": lambda issue: issue.closed is None,
    "closed": lambda issue: issue.closed is not None,
    "merged": lambda issue: isinstance(issue, PullRequest) and issue.merged is not None,
    "draft": lambda issue: isinstance(issue, PullRequest) and issue.draft,
}
_ATTRIBUTES: Mapping[str, Callable[[Issue], object]] = {
    "label": lambda issue: issue.labels,
    "milestone": lambda issue: issue.milestone,
    "assignee": lambda issue: issue.assignees,
    "type": lambda issue: issue.type,
    "parent-issue": lambda issue: issue.parent,
}
_SCOPE_QUALIFIERS = ("repo", "org", "user")
_QUALIFIERS: Mapping[str, Callable[[str], Predicate]] = {
    "is": _is,
    "state": _is,
    "type": _type,
    "reason": _reason,
    "label": _labelled,
    "milestone": lambda value: lambda issue: issue.milestone is not None and issue.milestone.title.casefold() == value,
    "assignee": lambda value: lambda issue: value in [account.login.casefold() for account in issue.assignees],
    "author": lambda value: lambda issue: issue.author.login.casefold() == value,
    "no": _lacks,
    "archived": lambda value: lambda issue: issue.repository.archived is (value == "true"),
    "updated": _time(lambda issue: issue.updated),
    "created": _time(lambda issue: issue.created),
    "closed": _time(lambda issue: issue.closed),
}
