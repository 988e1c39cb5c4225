"""Sub-issues: what GitHub allows, and the webhooks of a change.

A change sends two webhooks, to the repositories of the parent and of the sub-issue, in either order. It is not
documented whether it changes `updated_at`; here it does not, so that nobody relies on it.
https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/adding-sub-issues
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from simulator.github.model.host import RepositoryIdentity

_MAX_SUB_ISSUES = 100
_MAX_LEVELS = 8


class FamilyMember(Protocol):
    """An issue, as the rules about sub-issues see it."""

    @property
    def id(self) -> int:
        """Its id."""

    @property
    def repository(self) -> RepositoryIdentity:
        """Its repository."""

    @property
    def parent(self) -> FamilyMember | None:
        """The issue that it is a sub-issue of."""

    @property
    def sub_issues(self) -> Sequence[FamilyMember]:
        """Its sub-issues, in order."""


def check_can_add(parent: FamilyMember, child: FamilyMember, *, replace: bool) -> None:
    """Raise `ValueError` where GitHub refuses to make one issue a sub-issue of another."""
    if child.parent is not None and not replace:
        raise ValueError("Sub issue may only have one parent")
    if parent.repository.owner != child.repository.owner:
        raise ValueError("Sub issue must belong to the same repository owner as the parent issue")
    if child in _ancestry(parent):
        raise ValueError("Sub issue may not be a parent of the issue")
    if len(parent.sub_issues) >= _MAX_SUB_ISSUES:
        raise ValueError(f"Parent issue may not have more than {_MAX_SUB_ISSUES} sub-issues")
    if len(_ancestry(parent)) + _height(child) > _MAX_LEVELS:
        raise ValueError(f"Sub issues may not be nested deeper than {_MAX_LEVELS} levels")


def emit_change(
    parent: FamilyMember, child: FamilyMember, change: Literal["added", "removed"], *, child_first: bool
) -> None:
    """Send the webhooks of a change to both repositories, the parent's first unless `child_first`."""
    both: Mapping[str, object] = {
        "sub_issue_id": child.id,
        "sub_issue": child,
        "parent_issue_id": parent.id,
        "parent_issue": parent,
    }
    to_parent = (parent.repository, f"sub_issue_{change}", {**both, "sub_issue_repo": child.repository})
    to_child = (child.repository, f"parent_issue_{change}", {**both, "parent_issue_repo": parent.repository})
    for repository, action, body in (to_child, to_parent) if child_first else (to_parent, to_child):
        repository.emit("sub_issues", action, body)


def _ancestry(issue: FamilyMember) -> list[FamilyMember]:
    """Return an issue and all issues above it."""
    found = [issue]
    while (parent := found[-1].parent) is not None:
        found.append(parent)
    return found


def _height(issue: FamilyMember) -> int:
    return 1 + max(map(_height, issue.sub_issues), default=0)
