"""Outcomes of observations, as texts; some say that the observation was ignored."""


class IgnoredOutcome(str):
    """The outcome of an observation that is ignored."""

    __slots__ = ()


def ignored(reason: str) -> IgnoredOutcome:
    """Return the outcome of an observation that is ignored for a reason."""
    return IgnoredOutcome(f"ignored, because {reason}")
