"""The states of a mapping rule: whether its matches count, wait for the owner, or are only previewed."""

from enum import StrEnum


class RuleState(StrEnum):
    """What becomes of the issues that a rule matches."""

    ACTIVE = "active"  # they are linked
    PROPOSING = "proposing"  # their links wait for the owner of the key result
    DRAFT = "draft"  # nothing: the rule is being written, and is only previewed
    DISABLED = "disabled"  # nothing

    @property
    def matches(self) -> bool:
        """Return whether issues are matched at all."""
        return self in (RuleState.ACTIVE, RuleState.PROPOSING)


STATE_WORDS = {
    RuleState.ACTIVE: "active: what it matches counts",
    RuleState.PROPOSING: "proposing: the owner of the key result accepts or declines each link",
    RuleState.DRAFT: "draft: it links nothing, and can be previewed",
    RuleState.DISABLED: "disabled: it links nothing",
}
"""Each state with what it means, for forms."""
