"""Sections that are looked at all at once, each within its time: what hangs is a finding, and keeps nobody waiting."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sync_service.domain.examining import Finding

LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Section:
    """Something to look at: its name, how to look, and for how many seconds at most."""

    name: str
    look: Callable[[], Iterator[Finding]]
    seconds: float


@dataclass(slots=True)
class _Look:
    """A look under way in a thread of its own, which is left behind if it hangs."""

    section: Section
    found: list[Finding] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Gather what is found, and say so where looking itself fails."""
        try:
            for finding in self.section.look():
                self.found.append(finding)
        except Exception as error:  # noqa: BLE001 - one section's trouble is a finding, and must not hide the others'
            reason = (str(error).strip().splitlines() or [""])[0][:LONGEST_REASON]
            says = f"broke off: {type(error).__name__}: {reason}"
            self.found.append(Finding(what="looking", well=False, says=says))
        self.done.set()

    def result(self, deadline: float) -> list[Finding]:
        """Wait until it is done or time is up."""
        if self.done.wait(max(deadline - time.monotonic(), 0)):
            return self.found
        says = f"took longer than {self.section.seconds:g} s; what comes after this was not looked at"
        mend = "does something hang here that does not answer?"
        return [*self.found, Finding(what="looking", well=False, says=says, mend=mend)]


def look_at(sections: Sequence[Section]) -> Iterator[tuple[str, list[Finding]]]:
    """Look at all sections at once; give each with its findings, in the order given."""
    looks = [_Look(one) for one in sections]
    began = time.monotonic()
    for one in looks:
        threading.Thread(target=one.run, name=f"look at {one.section.name}", daemon=True).start()
    for one in looks:
        yield one.section.name, one.result(began + one.section.seconds)
