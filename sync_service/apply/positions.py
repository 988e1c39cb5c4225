"""Places in a list: only a changed order is a change, whatever numbers stand for it."""

from collections.abc import Mapping, Sequence


def positions(wanted: Sequence[str], stored: Mapping[str, int]) -> dict[str, int]:
    """Give each wanted item its position. `stored` is in its present order.

    Items that keep their order keep their positions, and new ones at the end follow; else all are numbered anew.
    """
    kept = [one for one in stored if one in set(wanted)]
    if list(wanted[: len(kept)]) == kept:
        after = max((stored[one] for one in stored), default=-1) + 1
        new = {one: after + index for index, one in enumerate(wanted[len(kept) :])}
        return {one: stored[one] for one in kept} | new
    return {one: index for index, one in enumerate(wanted)}
