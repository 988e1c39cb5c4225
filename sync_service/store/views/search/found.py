"""What a search finds: groups of results, the best first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sync_service.domain.search import Rank


class Kind(StrEnum):
    """What a group of results holds; groups that match equally well come in this order."""

    KEY_RESULTS = "key_results"
    OBJECTIVES = "objectives"
    ISSUES = "issues"
    RULES = "rules"
    TEAMS = "teams"
    PEOPLE = "people"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One result. `key` is a slug, an e-mail address, or the key of an issue of the `connection`.

    `about` says where it belongs. `state` is the status of a key result, or the state of a rule or an issue. `url` is
    the tracker's page of an issue, and `serves` are the slugs of the key results that it is linked to.
    """

    kind: Kind
    key: str
    title: str
    about: str = ""
    state: str | None = None
    connection: str | None = None
    url: str = ""
    serves: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The best results of one kind; `more`: there are further ones."""

    kind: Kind
    best: Rank
    items: Sequence[Found]
    more: bool


Ranked = tuple[Rank, Found]


def group_of(kind: Kind, ranked: Iterable[Ranked], limit: int) -> Group | None:
    """Return the first results by rank, else in their order; None when there is none."""
    in_order = sorted(ranked, key=lambda one: one[0])
    if not in_order:
        return None
    items = [one for _, one in in_order[:limit]]
    return Group(kind=kind, best=in_order[0][0], items=items, more=len(in_order) > limit)


def about(*texts: str | None) -> str:
    """Join the texts that say where a result belongs."""
    return " · ".join(text for text in texts if text)
