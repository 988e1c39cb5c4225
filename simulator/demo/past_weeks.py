"""Nine weeks before the scenario: how the issues came about, and what people did in OKR Sync.

Each story is a generator: it yields the day of the cycle, counted from 0, on which it goes on.
"""

import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from simulator.clock import SteppedClock
from simulator.demo import company, github_scenario, jira_scenario
from simulator.demo.browser_session import BrowserSession
from simulator.demo.expectations import PAST_WEEKS, Cycle
from simulator.demo.past_service import PastService
from simulator.github import GitHub
from simulator.jira import Jira

Story = Iterator[float]

CONNECTED = 14.4
"""The day on which the company begins with OKR Sync. What was before is known from the trackers' histories."""

EARLY_TARGET = 42
"""The target of KR-7 before it was moved."""

CHECK_INS = (
    (17, 32, 7, "First survey with the new form", ""),
    (24, 33, 7, "", ""),
    (31, 33, 6, "Nothing moved yet; the voucher problem is mentioned most", ""),
    (38, 35, 6, "Better since cards are remembered", ""),
    (45, 35, 5, "", "The survey tool was down for four days"),
    (52, 36, 5, "Returns by mail are praised", ""),
    (59, 37, 6, "", ""),
)
"""Dana's check-ins of KR-7: the day, the value, the confidence, a note and what blocks."""


CONFIDENCE = (
    (18.5, company.ANA, "KR-1", 8, "On plan", ""),
    (32.5, company.ANA, "KR-1", 6, "Two payment ways were added", ""),
    (46.5, company.ANA, "KR-1", 6, "", "Waiting for the bank's certificate"),
    (60.5, company.ANA, "KR-1", 7, "The certificate is there", ""),
    (25.5, company.CHEN, "KR-4", 6, "", ""),
    (53.5, company.CHEN, "KR-4", 4, "Returns in a store are bigger than we thought", "No test store before next week"),
)
"""Check-ins with confidence alone: the day, who, the key result, the confidence, a note and what blocks."""


@dataclass(frozen=True, kw_only=True)
class PastWeeks:
    """What the stories act on. `clock` is the time of the trackers and of OKR Sync."""

    hub: GitHub
    jira: Jira
    service: PastService
    address: str
    shared: company.Secrets
    cycle: Cycle
    clock: SteppedClock

    def play(self) -> tuple[github_scenario.Checkout, jira_scenario.Returns]:
        """Play the weeks up to the beginning of this one; return the issues, by their role in the scenario."""
        checkout, returns = github_scenario.found(self.hub), jira_scenario.found(self.jira)
        stories: Sequence[Story] = (
            github_scenario.past(self.hub, checkout),
            jira_scenario.past(self.jira, returns),
            self._connect(checkout, returns),
            self._move_a_target(),
            self._check_in(),
            self._tell_confidence(),
            self._midnights(),
        )
        order = itertools.count()
        queue = [(next(story), next(order), story) for story in stories]
        heapq.heapify(queue)
        while queue:
            day, number, story = heapq.heappop(queue)
            self.clock.set(datetime.combine(self.cycle.starts, time.min, UTC) + timedelta(days=day))
            following = next(story, None)
            if day >= CONNECTED:
                self._let_work_be_done()
            if following is not None:
                heapq.heappush(queue, (following, number, story))
        return checkout, returns

    def _let_work_be_done(self) -> None:
        for tracker in (self.hub, self.jira):
            tracker.flush(60)
        self.service.work()

    def _connect(self, checkout: github_scenario.Checkout, returns: jira_scenario.Returns) -> Story:
        yield CONNECTED
        self.service.apply("company.yaml", company.company_file(self.hub, self.jira, self.cycle))
        github_scenario.connect(self.hub, checkout, f"{self.address}/hooks/acme-github", self.shared.github)
        jira_scenario.connect(self.jira, returns, f"{self.address}/hooks/acme-jira", self.shared.jira)
        self._let_work_be_done()
        self.service.apply("okrs.yaml", company.okrs_file(self.cycle, targets={"KR-7": EARLY_TARGET}))

    def _move_a_target(self) -> Story:
        yield 36.4
        self.service.apply("okrs.yaml", company.okrs_file(self.cycle))

    def _check_in(self) -> Story:
        for day, value, confidence, note, blockers in CHECK_INS:
            yield day + 0.4
            self._submit(company.DANA, "KR-7", value=str(value), confidence=confidence, note=note, blockers=blockers)

    def _tell_confidence(self) -> Story:
        for day, email, slug, confidence, note, blockers in sorted(CONFIDENCE):
            yield day
            self._submit(email, slug, confidence=confidence, note=note, blockers=blockers)

    def _submit(self, email: str, slug: str, **fields: object) -> None:
        page = f"/key-results/{slug}"
        browser = BrowserSession(self.address, self.service.sign_in_link(email))
        browser.submit(f"{page}/check-ins", on=page, **{name: str(value) for name, value in fields.items()})

    def _midnights(self) -> Story:
        """Let each day begin: a status follows the days."""
        for day in range(int(CONNECTED) + 1, 7 * PAST_WEEKS):
            yield day + 0.001
