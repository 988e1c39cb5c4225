"""Which value applies, computed plainly from all that has happened: no proposal is kept, it follows each time."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass
class PlainApplied:
    """A key result's value as a person would follow it on paper.

    `base` is the value without an override. `since` are the changes of the computed value since it was the base; with
    a `gap` without data they are not known. `last` is what the last step did: the value before and after, and the parts
    that its history entry must have.
    """

    proposes: bool = False
    computed: float | None = None
    base: float | None = None
    declined: float | None = None
    override: tuple[float, int | None, bool, float | None] | None = None
    since: list[Mapping[str, float]] = field(default_factory=list)
    gap: bool = False
    last: tuple[float | None, float | None, Mapping[str, float]] = (None, None, {})

    @property
    def value(self) -> float | None:
        """Return the value that applies."""
        return self.override[0] if self.override else self.base

    @property
    def waiting(self) -> float | None:
        """Return the value that waits for the owner."""
        undecided = self.computed not in (self.base, self.declined)
        return self.computed if self.proposes and undecided else None

    def compute(self, value: float | None, parts: Mapping[str, float], now: int) -> None:
        """Let another value be computed, by these parts."""
        before, overridden, base = self.value, self.override is not None, self.base
        moved = value != self.computed
        self.computed = value
        if moved:
            self.declined = None
            self.since.append(parts)
        if not self.proposes:
            self.base = value
        self._end_override(now)
        self._record(before, base, overridden=overridden)

    def accept(self, now: int) -> None:
        """Apply the value that waits."""
        before, overridden, base = self.value, self.override is not None, self.base
        self.base = self.waiting
        self._end_override(now)
        self._record(before, base, overridden=overridden)

    def decline(self, now: int) -> None:
        """Leave the value that waits alone until another one is computed."""
        before, overridden, base = self.value, self.override is not None, self.base
        self.declined = self.waiting
        self._end_override(now)
        self._record(before, base, overridden=overridden)

    def overrule(self, value: float, *, until: int | None, until_change: bool) -> None:
        """Apply a person's value."""
        before = self.value
        self.override = (value, until, until_change, self.computed)
        self.last = (before, value, {})
        self._forget()

    def resume(self) -> None:
        """End the override."""
        before, self.override = self.value, None
        self.last = (before, self.value, {})
        self._forget()

    def _end_override(self, now: int) -> None:
        if self.override is None:
            return
        _, until, until_change, computed_then = self.override
        if (until is not None and now >= until) or (until_change and self.computed != computed_then):
            self.override = None

    def _record(self, before: float | None, base: float | None, *, overridden: bool) -> None:
        after = self.value
        by_person = overridden or self.override is not None
        plain = not by_person and not self.gap and None not in (before, after) and self.base != base
        self.last = (before, after, total(self.since) if plain else {})
        self._forget()

    def _forget(self) -> None:
        """Begin anew once nothing differs; remember where there was no data in between."""
        if self.computed == self.base:
            self.since, self.gap = [], False
        elif self.computed is None:
            self.gap = True


def total(changes: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the sums of changes by kind, without those that cancel out."""
    sums: Counter[str] = Counter()
    for one in changes:
        for kind, change in one.items():
            sums[kind] += change  # type: ignore[assignment]  # a counter of numbers
    return {kind: change for kind, change in sums.items() if change}
