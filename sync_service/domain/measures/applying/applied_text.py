"""Applied, proposed and overridden values in words."""

from datetime import datetime

from sync_service.domain.measures.applying.applied import Applied, Decision, Override, Proposal, Until
from sync_service.domain.text import NO_DATA, in_full, instant


def why_applied(applied: Applied) -> str | None:
    """Return why the applied value may differ from the computed one; None: nothing is proposed or overridden."""
    why = [_override_words(applied.override)] if applied.override else []
    if applied.proposal:
        why.append(_proposal_words(applied.proposal, applied.base))
    return "; ".join(why) or None


def until_words(until: Until) -> str:
    """Return when an override ends by itself: ` until 2026-11-30T12:00:00.000Z`; empty when it does not."""
    if isinstance(until, datetime):
        return f" until {instant(until)}"
    return " until the computed value changes" if until else ""


def _override_words(one: Override) -> str:
    computed = NO_DATA if one.computed is None else in_full(one.computed)
    return f"overridden with {in_full(one.value)} by {one.by}{until_words(one.ends)}; {computed} was computed then"


def _proposal_words(one: Proposal, base: float | None) -> str:
    value, instead = in_full(one.value), NO_DATA if base is None else in_full(base)
    before = "nothing yet" if base is None else f"{instead} last"
    match one.decision:
        case Decision.WAITING:
            return f"{value} is proposed since {instant(one.since)} and waits for the owner, who accepted {before}"
        case Decision.DECLINED:
            return f"{value} was declined, so {instead} stays"
        case Decision.LAPSED:
            return f"{value} was proposed and not decided before the numbers became final, so {instead} stays"
        case Decision.ACCEPTED:
            return f"{value} was accepted"
