"""Filters of the objectives page: what the address asks for, and which objectives and key results match."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sync_service.domain.measures.status import Status
from sync_service.domain.text import folded
from sync_service.store.views.key_results import KeyResultView
from sync_service.store.views.objectives import ObjectiveView, TeamView

LONGEST_WORDS = 100
NO_TEAM = "~"
"""Stands for objectives without a team in an address; no slug has this character."""


class Confidence(StrEnum):
    """A range of the latest confidence, 0 to 10."""

    LOW = "low"  # 0 to 3
    MIDDLE = "middle"  # 4 to 6
    HIGH = "high"  # 7 to 10
    NONE = "none"  # no check-in has one


CONFIDENCE_WORDS: Mapping[Confidence, str] = {
    Confidence.LOW: "0 to 3",
    Confidence.MIDDLE: "4 to 6",
    Confidence.HIGH: "7 to 10",
    Confidence.NONE: "no confidence",
}


def confidence_range(confidence: int | None) -> Confidence:
    """Return the range of a confidence of 0 to 10."""
    if confidence is None:
        return Confidence.NONE
    return Confidence.LOW if confidence <= 3 else Confidence.MIDDLE if confidence <= 6 else Confidence.HIGH


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveFilter:
    """What to show. Empty fields filter nothing; `owner` is an e-mail address, `team` a slug or `~`: no team."""

    words: str = ""
    team: str = ""
    owner: str = ""
    status: str = ""
    confidence: str = ""

    @classmethod
    def read(cls, arguments: Mapping[str, str], *, me: str | None) -> "ObjectiveFilter":
        """Return the filter in a query string; invalid values are ignored. `mine` means what the reader (`me`) owns."""
        status, confidence = arguments.get("status", ""), arguments.get("confidence", "")
        return cls(
            words=" ".join(arguments.get("q", "").split())[:LONGEST_WORDS],
            team=arguments.get("team", ""),
            owner=me if me and arguments.get("mine") else arguments.get("owner", "").lower(),
            status=status if status in set(Status) else "",
            confidence=confidence if confidence in set(Confidence) else "",
        )

    @property
    def by_key_result(self) -> bool:
        """Whether key results are filtered, so that objectives without one that matches are left out."""
        return bool(self.words or self.owner or self.status or self.confidence)

    @property
    def is_set(self) -> bool:
        """Whether anything is filtered."""
        return bool(self.by_key_result or self.team)

    def apply(self, teams: Iterable[TeamView]) -> list[TeamView]:
        """Return the teams with the objectives and key results that match; without those that have none."""
        chosen = [team for team in teams if not self.team or (team.slug or NO_TEAM) == self.team]
        if not self.by_key_result:
            return chosen
        found = []
        for team in chosen:
            objectives = [one for one in map(self._of_objective, team.objectives) if one is not None]
            if objectives:
                found.append(replace(team, objectives=tuple(objectives)))
        return found

    def _of_objective(self, objective: ObjectiveView) -> ObjectiveView | None:
        """Return the objective with the key results that match; None where neither it nor one of them does."""
        text = _text(objective.slug, objective.title, objective.owner_name, objective.owner, objective.team_name)
        lines = tuple(line for line in objective.key_results if self._matches(line.view, text))
        if lines:
            return replace(objective, key_results=lines)
        alone = not self.status and not self.confidence and not objective.key_results
        if alone and self._has_words(text) and self.owner in ("", objective.owner):
            return objective
        return None

    def _matches(self, view: KeyResultView, objective_text: str) -> bool:
        if self.owner and view.owner != self.owner:
            return False
        if self.status and view.status != self.status:
            return False
        if self.confidence and confidence_range(view.confidence) != self.confidence:
            return False
        return self._has_words(f"{objective_text} {_text(view.slug, view.title, view.owner_name, view.owner)}")

    def _has_words(self, text: str) -> bool:
        return all(word in text for word in folded(self.words).split())


def _text(*texts: str | None) -> str:
    return folded(" ".join(text for text in texts if text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What objectives have together: `statuses` counts their key results, the most urgent status first."""

    objectives: int
    key_results: int
    statuses: Sequence[tuple[Status, int]]


URGENCY = (
    Status.BEHIND,
    Status.AT_RISK,
    Status.ON_TRACK,
    Status.COMPLETED,
    Status.PARTIAL,
    Status.NOT_STARTED,
    Status.NO_DATA,
    Status.CLOSED,
)
"""The order in which statuses are counted on pages."""


def summarize(objectives: Iterable[ObjectiveView]) -> Summary:
    """Return what objectives have together."""
    chosen = list(objectives)
    counted = Counter(line.view.status for one in chosen for line in one.key_results)
    return Summary(
        objectives=len(chosen),
        key_results=counted.total(),
        statuses=[(status, counted[status]) for status in URGENCY if counted[status]],
    )
