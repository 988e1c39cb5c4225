"""Parents and sub-issues (https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/adding-sub-issues).

A change is told twice, to the repositories on both sides, in either order. It is not documented whether it moves
`updated_at`; here it does not, so that nobody relies on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.github.issue import Issue

_MOST_CHILDREN = 100
_MOST_LEVELS = 8


def join(parent: Issue, child: Issue, *, replace: bool, child_first: bool) -> None:
    """Make one issue a sub-issue of another; raises `ValueError` where GitHub would not."""
    if child.parent is not None and not replace:
        raise ValueError("Sub issue may only have one parent")
    if parent.repository.owner != child.repository.owner:
        raise ValueError("Sub issue must belong to the same repository owner as the parent issue")
    if child in _line(parent):
        raise ValueError("Sub issue may not be a parent of the issue")
    if len(parent.sub_issues) >= _MOST_CHILDREN:
        raise ValueError(f"Parent issue may not have more than {_MOST_CHILDREN} sub-issues")
    if len(_line(parent)) + _height(child) > _MOST_LEVELS:
        raise ValueError(f"Sub issues may not be nested deeper than {_MOST_LEVELS} levels")
    if child.parent is not None:
        part(child.parent, child, child_first=child_first)
    child.parent = parent
    parent.sub_issues.append(child)
    _tell(parent, child, "added", child_first=child_first)


def part(parent: Issue, child: Issue, *, child_first: bool) -> None:
    """Take a sub-issue from its parent; raises `ValueError` if it is not one of it."""
    if child not in parent.sub_issues:
        raise ValueError("The provided sub-issue is not a sub-issue of the issue")
    parent.sub_issues.remove(child)
    child.parent = None
    _tell(parent, child, "removed", child_first=child_first)


def replace_member(former: Issue, now: Issue) -> None:
    """Let a transferred issue keep its parent and its sub-issues."""
    now.parent, now.sub_issues = former.parent, former.sub_issues
    if now.parent is not None:
        now.parent.sub_issues = [now if each is former else each for each in now.parent.sub_issues]
    for each in now.sub_issues:
        each.parent = now
    former.parent, former.sub_issues = None, []


def leave(issue: Issue) -> None:
    """Take a deleted issue out of its family, of which nothing is told."""
    if issue.parent is not None:
        issue.parent.sub_issues.remove(issue)
    for each in issue.sub_issues:
        each.parent = None


def _line(issue: Issue) -> list[Issue]:
    """Give an issue and all above it."""
    line = [issue]
    while line[-1].parent is not None:
        line.append(line[-1].parent)
    return line


def _height(issue: Issue) -> int:
    return 1 + max(map(_height, issue.sub_issues), default=0)


def _tell(parent: Issue, child: Issue, what: str, *, child_first: bool) -> None:
    both: Mapping[str, object] = {
        "sub_issue_id": child.id,
        "sub_issue": child,
        "parent_issue_id": parent.id,
        "parent_issue": parent,
    }
    to_parent = (parent.repository, f"sub_issue_{what}", {**both, "sub_issue_repo": child.repository})
    to_child = (child.repository, f"parent_issue_{what}", {**both, "parent_issue_repo": parent.repository})
    for place, action, body in (to_child, to_parent) if child_first else (to_parent, to_child):
        place.tell("sub_issues", action, body)
