"""How the links of an issue changed, in words."""

from collections.abc import Mapping
from dataclasses import dataclass

from sync_service.domain.rules.rule_index import CompiledRule
from sync_service.domain.text import number
from sync_service.store.okrs.links import PROPOSED, LinkKey, Links

Rules = Mapping[int, CompiledRule]
"""Rules by the id of their revision."""


@dataclass(frozen=True, slots=True)
class SourceNames:
    """Names of the sources of links: rules by revision id, comments as text by row id."""

    rules: Rules
    comments: Mapping[int, str]


def is_pending(key: LinkKey, rules: Rules) -> bool:
    """Return whether a link does not count: its rule does not yet, or it is only proposed."""
    return key[1] == PROPOSED or (key[1] == "rule" and key[2] in rules and rules[key[2]].pending)


def link_change(had: Links, has: Links, known: SourceNames) -> str | None:
    """Return how the links of an issue to a key result changed, in words; None where they did not."""
    rules = known.rules
    gained = [key for key in has if key not in had and not is_pending(key, rules)]
    lost = [key for key in had if key not in has and not is_pending(key, rules)]
    phrases = [f"now linked {_origin(key, known)}" for key in gained]
    phrases += [f"no longer linked {_origin(key, known)}" for key in lost]
    phrases += [_weight_change(had[key], has[key]) for key in has if key in had and had[key] != has[key]]
    return ", ".join(phrases) or None


def _weight_change(before: float, after: float) -> str:
    return f"weight {number(before, apart_from=[after])} → {number(after, apart_from=[before])}"


def _origin(key: LinkKey, known: SourceNames) -> str:
    _, origin, source = key
    if origin == "rule":
        return f"by rule {known.rules[source].slug}" if source in known.rules else "by a rule that was changed"
    if origin == "comment":
        return known.comments.get(source, "by a comment")
    return "by its label" if origin == "label" else "by hand"
