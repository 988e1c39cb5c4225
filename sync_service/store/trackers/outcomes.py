"""Outcomes of observations: texts, of which some say that nothing here is concerned."""


class IgnoredOutcome(str):
    """The outcome of an observation that is ignored."""

    __slots__ = ()


def ignored(reason: str) -> IgnoredOutcome:
    """Return the outcome of an observation that is ignored for a reason."""
    return IgnoredOutcome(f"ignored, because {reason}")
