"""The tree of alignment as a list: each objective after the one that it is aligned with, with its depth."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sync_service.store.views.objectives import ObjectiveView


@dataclass(frozen=True, slots=True)
class Branch:
    """An objective in the tree. `depth` is 0 for one whose parent is not shown; `children` counts those below it."""

    objective: ObjectiveView
    depth: int
    children: int


def tree(objectives: Sequence[ObjectiveView]) -> list[Branch]:
    """Return the objectives so that each is followed by those aligned with it, otherwise in the given order.

    Files and pages refuse alignment in a circle; an objective of a circle is left out.
    """
    known = {one.slug for one in objectives}
    below: dict[str | None, list[ObjectiveView]] = defaultdict(list)
    for one in objectives:
        below[one.parent.slug if one.parent and one.parent.slug in known else None].append(one)
    found: list[Branch] = []
    waiting = [(one, 0) for one in reversed(below[None])]
    while waiting:
        one, depth = waiting.pop()
        found.append(Branch(one, depth, len(below[one.slug])))
        waiting += [(child, depth + 1) for child in reversed(below[one.slug])]
    return found
