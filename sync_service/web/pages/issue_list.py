"""Filter and paginate the linked issues of a key result."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sync_service.store.views.issues import IssueView

PAGE = 100
"""Issues on one page."""

STATES = ("todo", "doing", "done", "dropped")


@dataclass(frozen=True, slots=True)
class IssueFilter:
    """The filter: search words, a state ("" for all, `aside` for issues that do not count), a page from 1."""

    words: str = ""
    state: str = ""
    page: int = 1

    @classmethod
    def read(cls, arguments: Mapping[str, str]) -> "IssueFilter":
        """Return the filter in a query string; invalid values are ignored."""
        state, page = arguments.get("state", ""), arguments.get("page", "1")
        return cls(
            words=" ".join(arguments.get("q", "").split())[:100],
            state=state if state in (*STATES, "aside") else "",
            page=max(int(page), 1) if page.isdecimal() and len(page) < 9 else 1,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuePage:
    """One page of the matching issues.

    `first` and `last` are positions from 1; `chosen` counts matching issues, `total` all; `states` and `aside` count
    all issues by state, and those that do not count.
    """

    choice: IssueFilter
    issues: Sequence[IssueView]
    first: int
    last: int
    chosen: int
    total: int
    pages: int
    states: Mapping[str, int]
    aside: int


def list_issues(issues: Sequence[IssueView], choice: IssueFilter) -> IssuePage:
    """Return one page of the issues that match; a page past the end is the last page."""
    chosen = [one for one in issues if _matches(one, choice)]
    pages = max(-(-len(chosen) // PAGE), 1)
    page = min(choice.page, pages)
    first = (page - 1) * PAGE
    shown = chosen[first : first + PAGE]
    return IssuePage(
        choice=IssueFilter(choice.words, choice.state, page),
        issues=shown,
        first=first + 1 if shown else 0,
        last=first + len(shown),
        chosen=len(chosen),
        total=len(issues),
        pages=pages,
        states=Counter(one.state.value for one in issues if one.state),
        aside=sum(not one.counts for one in issues),
    )


def _matches(one: IssueView, choice: IssueFilter) -> bool:
    if choice.state == "aside" and one.counts:
        return False
    if choice.state in STATES and one.state != choice.state:
        return False
    text = " ".join((one.key, one.title, *one.assignees)).casefold()
    return all(word in text for word in choice.words.casefold().split())
