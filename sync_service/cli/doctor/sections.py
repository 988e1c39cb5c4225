"""Run the sections of checks in parallel, each with a time limit: what hangs is a finding and delays nothing else."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sync_service.domain.trackers.diagnostics import Finding

LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Section:
    """A section of checks: its name, a function that yields the findings, and its time limit in seconds."""

    name: str
    run: Callable[[], Iterator[Finding]]
    seconds: float


@dataclass(slots=True)
class _RunningSection:
    """A section that runs in its own thread, which is abandoned if it hangs."""

    section: Section
    found: list[Finding] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Collect the findings; an exception becomes a finding."""
        try:
            for finding in self.section.run():
                self.found.append(finding)
        except Exception as error:  # noqa: BLE001 - an error in one section is a finding, and must not hide the others
            reason = (str(error).strip().splitlines() or [""])[0][:LONGEST_REASON]
            says = f"failed: {type(error).__name__}: {reason}"
            self.found.append(Finding(what="check", well=False, says=says))
        self.done.set()

    def result(self, deadline: float) -> list[Finding]:
        """Wait until it is done or its time is up; return the findings so far."""
        if self.done.wait(max(deadline - time.monotonic(), 0)):
            return self.found
        says = f"took longer than {self.section.seconds:g} s; the checks after this point did not run"
        mend = "find out which server does not answer"
        return [*self.found, Finding(what="check", well=False, says=says, mend=mend)]


def run_sections(sections: Sequence[Section]) -> Iterator[tuple[str, list[Finding]]]:
    """Run all sections at once; yield each name with its findings, in the given order."""
    running = [_RunningSection(one) for one in sections]
    began = time.monotonic()
    for one in running:
        threading.Thread(target=one.run, name=f"doctor: {one.section.name}", daemon=True).start()
    for one in running:
        yield one.section.name, one.result(began + one.section.seconds)
