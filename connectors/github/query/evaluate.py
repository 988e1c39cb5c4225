"""Evaluate a search on one stored issue: true, false, or None when only GitHub knows.

Text is compared ignoring case, as GitHub does.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from connectors.github.query.parse import KINDS, All, Node, Not, Some, Term, terms
from sync_service.domain.text import folded
from sync_service.domain.trackers.connector import Rejected
from sync_service.domain.trackers.observations import Account, Kind, State
from sync_service.domain.trackers.queries import Candidate

Verdict = bool | None
Predicate = Callable[[Candidate, str], Verdict]
"""Evaluate one value of a term, in lower case."""

_DAY, _SECOND = timedelta(days=1), timedelta(seconds=1)
_WORD = re.compile(r"\w+")


def evaluate(node: Node, candidate: Candidate) -> Verdict:
    """Return whether a search finds an issue; None when that is unknown."""
    return _evaluate(node, candidate, in_title=_searches_title(node))


def not_evaluable(node: Node) -> list[str]:
    """Return the terms of a search that can't always be evaluated here."""
    return sorted({str(term) for term in terms(node) if any(not _is_evaluable(term, value) for value in term.values)})


def check_times(node: Node) -> None:
    """Raise `Rejected` when a time in a search is invalid."""
    for term in terms(node):
        for value in term.values if term.qualifier in _TIMES else ():
            if "@" not in value:
                _bounds(value)


def _evaluate(node: Node, candidate: Candidate, *, in_title: bool) -> Verdict:
    match node:
        case Term():
            return _any([_of_value(node, value, candidate, in_title=in_title) for value in node.values])
        case Not():
            found = _evaluate(node.term, candidate, in_title=in_title)
            return None if found is None else not found
        case All():
            return _all([_evaluate(child, candidate, in_title=in_title) for child in node.parts])
        case Some():
            return _any([_evaluate(child, candidate, in_title=in_title) for child in node.parts])


def _all(found: Collection[Verdict]) -> Verdict:
    return False if False in found else None if None in found else True


def _any(found: Collection[Verdict]) -> Verdict:
    return True if True in found else None if None in found else False


def _searches_title(node: Node) -> bool:
    fields = {value for term in terms(node) if term.qualifier == "in" for value in term.values}
    return not fields or "title" in fields


def _is_evaluable(term: Term, value: str) -> bool:
    if not term.qualifier:
        return False
    if term.qualifier == "is":
        return value in _TRAITS
    if term.qualifier == "no":
        return value in _ABSENT
    if term.qualifier in (*_TIMES, "org", "user") and "@" in value:
        return False
    wild = term.qualifier in ("label", "milestone", "assignee", "author") and not _is_plain(value)
    return term.qualifier in (*_PREDICATES, "in") and not wild


def _of_value(term: Term, value: str, candidate: Candidate, *, in_title: bool) -> Verdict:
    if not term.qualifier:
        return _word(candidate, value, in_title=in_title)
    if term.qualifier == "in":
        return True  # it only says where words are searched
    if not _is_evaluable(term, value):
        return None
    return _PREDICATES[term.qualifier](candidate, value)


def _word(candidate: Candidate, value: str, *, in_title: bool) -> Verdict:
    """Find words in the title. None when absent: GitHub also finds other forms of them, and other fields by default."""
    title, wanted = (" ".join(_WORD.findall(folded(text))) for text in (candidate.issue.title, value))
    return True if in_title and wanted and f" {wanted} " in f" {title} " else None


def _is_plain(value: str) -> bool:
    return not value.startswith("@") and not set(value) & set("*/")


def _repo(candidate: Candidate, value: str) -> Verdict:
    return any(folded(name) == value for name in candidate.scope_names)


def _owner(candidate: Candidate, value: str) -> Verdict:
    return any(folded(name).partition("/")[0] == value for name in candidate.scope_names)


def _closed(candidate: Candidate) -> bool:
    return candidate.issue.state in (State.DONE, State.DROPPED)


def _is_pull(candidate: Candidate) -> bool:
    return candidate.issue.kind is Kind.PULL_REQUEST


def _merged(candidate: Candidate) -> bool:
    return _is_pull(candidate) and candidate.issue.state is State.DONE


_TRAITS: Mapping[str, Callable[[Candidate], bool]] = {
    "issue": lambda candidate: not _is_pull(candidate),
    "pr": _is_pull,
    "pull-request": _is_pull,
    "open": lambda candidate: not _closed(candidate),
    "closed": _closed,
    "merged": _merged,
}

_ABSENT: Mapping[str, Callable[[Candidate], Verdict]] = {
    "label": lambda candidate: not candidate.issue.labels,
    "milestone": lambda candidate: candidate.issue.milestone is None,
    "assignee": lambda candidate: not candidate.issue.assignees,
    "type": lambda candidate: candidate.issue.type is None,
    "parent-issue": lambda candidate: None if candidate.issue.parent_at is None else not candidate.issue.parent_key,
}


def _trait(candidate: Candidate, value: str) -> Verdict:
    return _TRAITS[value](candidate)


def _type(candidate: Candidate, value: str) -> Verdict:
    return _trait(candidate, value) if value in KINDS else folded(candidate.issue.type or "") == value


def _reason(candidate: Candidate, value: str) -> Verdict:
    if not _closed(candidate) or _is_pull(candidate):
        return None if value == "reopened" else False
    resolution = candidate.issue.resolution
    return None if resolution is None else folded(resolution) == value.replace(" ", "_")


def _label(candidate: Candidate, value: str) -> Verdict:
    return any(folded(label) == value for label in candidate.labels)


def _milestone(candidate: Candidate, value: str) -> Verdict:
    return folded(candidate.milestone or "") == value


def _person(value: str, people: Sequence[Account]) -> Verdict:
    return any(folded(person.id) == value for person in people)


def _assignee(candidate: Candidate, value: str) -> Verdict:
    return _person(value, candidate.issue.assignees)


def _author(candidate: Candidate, value: str) -> Verdict:
    return None if candidate.issue.author is None else _person(value, [candidate.issue.author])


def _lacks(candidate: Candidate, value: str) -> Verdict:
    return _ABSENT[value](candidate)


def _parent(candidate: Candidate, value: str) -> Verdict:
    issue = candidate.issue
    return None if issue.parent_at is None else (issue.parent_key or "").casefold() == value


def _time(read: Callable[[Candidate], datetime | None]) -> Predicate:
    def within(candidate: Candidate, value: str) -> Verdict:
        at = read(candidate)
        return False if at is None else _all([bound(at) for bound in _bounds(value)])

    return within


Bound = Callable[[datetime], Verdict]


def _bounds(value: str) -> list[Bound]:
    """Parse `2026-10-01`, `>=…`, `<…`, `…..…`, `*..…`. Raise `Rejected` for anything else."""
    low, between, high = value.partition("..")
    if between:
        return [_bound(">=", low), _bound("<=", high, through=True)]
    sign = next(sign for sign in (">=", "<=", ">", "<", "") if value.startswith(sign))
    return [_bound(sign, value.removeprefix(sign))]


def _bound(sign: str, written: str, *, through: bool = False) -> Bound:
    """Return a comparison with a day or a second. Whether a bound includes its whole day, only GitHub knows: None."""
    if written == "*":
        return lambda _at: True
    try:
        begins = datetime.fromisoformat(written.upper())
        begins = begins if begins.tzinfo else begins.replace(tzinfo=UTC)
        ends = begins + (_SECOND if "t" in written else _DAY)
    except (ValueError, OverflowError):
        raise Rejected(f"{written!r} is not a date: write 2026-10-01 or 2026-10-01T09:30:00Z") from None

    def compare(at: datetime) -> Verdict:
        inside = begins <= at < ends
        if inside and sign in (">", "<=") and not through and ends - begins == _DAY:
            return None
        after = at >= ends or (inside and sign == ">=")
        before = at < begins or (inside and sign == "<=")
        return {">=": after, ">": after, "<=": before, "<": before, "": inside}[sign]

    return compare


_TIMES: Mapping[str, Predicate] = {
    "created": _time(lambda candidate: candidate.issue.created_at),
    "updated": _time(lambda candidate: candidate.issue.updated_at),
    "closed": _time(lambda candidate: candidate.issue.closed_at if _closed(candidate) else None),
    "merged": _time(lambda candidate: candidate.issue.closed_at if _merged(candidate) else None),
}

_PREDICATES: Mapping[str, Predicate] = {
    "repo": _repo,
    "org": _owner,
    "user": _owner,
    "is": _trait,
    "state": _trait,
    "type": _type,
    "reason": _reason,
    "label": _label,
    "milestone": _milestone,
    "assignee": _assignee,
    "author": _author,
    "no": _lacks,
    "parent-issue": _parent,
    **_TIMES,
}
