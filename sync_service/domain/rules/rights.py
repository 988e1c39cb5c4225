"""Who may write which rule: admins all, owners toward their key results, members drafts and proposals of their team."""

from collections.abc import Iterable
from dataclasses import dataclass

from sync_service.domain.rules.rule_state import RuleState

UNCOUNTED = (RuleState.DRAFT, RuleState.PROPOSING)
"""The states in which a rule moves no number by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Who wants to write a rule. A token has no e-mail address and no team."""

    role: str
    email: str | None = None
    team: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Toward:
    """A rule as far as rights go: its state, and its key result with that one's owner and team."""

    state: RuleState
    key_result: str
    owner: str | None = None
    team: str | None = None


def why_not(writer: Writer, forms: Iterable[Toward]) -> str | None:
    """Return in words why somebody may not write a rule; None when they may.

    `forms` are the rule as it is and as it would be: both must be theirs to write.
    """
    return next((reason for one in forms if (reason := _why_not(writer, one)) is not None), None)


def _why_not(writer: Writer, one: Toward) -> str | None:
    if writer.role == "admin" or (writer.role == "member" and writer.email and writer.email == one.owner):
        return None
    if writer.role != "member" or not writer.email:
        return "only members and admins write rules"
    if writer.team is None or writer.team != one.team:
        return f"{one.key_result} belongs to another team: its owner or an admin writes rules toward it"
    if one.state not in UNCOUNTED:
        what = "that are active or disabled"
        return f"the owner of {one.key_result} or an admin writes rules {what}; you may save a draft, or let it propose"
    return None
