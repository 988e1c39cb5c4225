"""Positions in a list: only a changed order is a change, whatever numbers express it."""

from collections.abc import Mapping, Sequence


def positions(wanted: Sequence[str], stored: Mapping[str, int]) -> dict[str, int]:
    """Return the position of each wanted item. `stored` must be in its present order.

    Items in their old order keep their positions, and new ones at the end follow them; otherwise number all again.
    """
    kept = [one for one in stored if one in set(wanted)]
    if list(wanted[: len(kept)]) == kept:
        after = max((stored[one] for one in stored), default=-1) + 1
        new = {one: after + index for index, one in enumerate(wanted[len(kept) :])}
        return {one: stored[one] for one in kept} | new
    return {one: index for index, one in enumerate(wanted)}
