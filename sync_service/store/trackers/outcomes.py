"""Outcomes of observations, as texts; some say that the observation was ignored, some that something is new."""


class IgnoredOutcome(str):
    """The outcome of an observation that is ignored."""

    __slots__ = ()


def ignored(reason: str) -> IgnoredOutcome:
    """Return the outcome of an observation that is ignored for a reason."""
    return IgnoredOutcome(f"ignored, because {reason}")


class NewsOutcome(str):
    """The outcome of an observation that says that an issue is new, or that we hold something else of it.

    An issue may have another time, or a comment that we do not read, and be the same to us.
    """

    __slots__ = ()
