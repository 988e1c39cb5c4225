"""View of a cycle that closes: its key results with the scores and outcomes that are proposed or settled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.cycles.frozen import Frozen
from sync_service.domain.cycles.outcomes import score
from sync_service.domain.text import counted
from sync_service.store.cycles import refreezes
from sync_service.store.cycles.refreezes import Refreeze
from sync_service.store.cycles.spans import freeze_times
from sync_service.store.tables import live_cycle, live_key_result
from sync_service.store.views.key_results import KeyResultView, key_result_views


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingLine:
    """A key result of a cycle. `outcome` and `score` are proposed until they are `settled`; None: nothing to propose.

    `lapsed` is the proposed value that nobody decided about. `refreezing` says what became of a person's request to
    compute the final numbers once more, until that is done; `is_refreezing`: it waits.
    """

    id: int
    slug: str
    title: str
    unit: str
    current: float | None
    target: float | None
    progress: float | None
    score: float | None
    outcome: str | None
    settled: bool
    lapsed: float | None
    frozen: Frozen | None
    refreezing: str | None = None
    is_refreezing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingView:
    """A cycle. `final`: the days of grace are over for all its teams, at `freezes_at`."""

    slug: str
    name: str
    starts: date
    ends: date
    freezes_at: datetime
    final: bool
    settled_at: datetime | None
    key_results: tuple[ClosingLine, ...]

    @property
    def waiting(self) -> Sequence[ClosingLine]:
        """The key results whose numbers should be final, and were not computed as such yet."""
        return [one for one in self.key_results if self.final and one.frozen is None]

    @property
    def under_way(self) -> str | None:
        """What is still to be computed, in words; None: nothing."""
        again = sum(one.is_refreezing for one in self.key_results)
        words = [f"{counted(len(self.waiting), 'key result')} not final yet"] if self.waiting else []
        words += [f"{counted(again, 'key result')} being computed once more"] if again else []
        return f"{' and '.join(words)}, one after the other" if words else None


def closing_view(tx: Transaction, slug: str, now: datetime) -> ClosingView | None:
    """Return a cycle by its slug, in any letter case; None when there is none."""
    c, k = live_cycle, live_key_result
    row = tx.execute(sa.select(c).where(sa.func.lower(c.c.slug) == slug.lower())).one_or_none()
    if row is None:
        return None
    freezes_at = freeze_times(tx)[row.slug]
    views = key_result_views(tx, now, cycle=row.slug)
    ids = [one.id for one in views]
    rows = tx.execute(sa.select(k.c.id, k.c.outcome, k.c.score).where(k.c.id.in_(ids)))
    scores = {row.id: row.score for row in rows if row.outcome is not None}
    requests = refreezes.read(tx, ids)
    return ClosingView(
        slug=row.slug,
        name=row.name,
        starts=row.starts,
        ends=row.ends,
        freezes_at=freezes_at,
        final=freezes_at <= now,
        settled_at=row.settled_at,
        key_results=tuple(_line(one, scores, requests.get(one.id)) for one in views),
    )


def _line(view: KeyResultView, settled: Mapping[int, float | None], request: Refreeze | None) -> ClosingLine:
    proposed = score(view.progress) if view.closed else None
    return ClosingLine(
        id=view.id,
        slug=view.slug,
        title=view.title,
        unit=view.unit,
        current=view.current,
        target=view.target,
        progress=view.progress,
        score=settled.get(view.id, proposed),
        outcome=view.outcome,
        settled=view.id in settled,
        lapsed=view.proposed.value if view.proposed and view.proposed.lapsed else None,
        frozen=view.frozen,
        refreezing=_refreezing(view.frozen, request),
        is_refreezing=request is not None and request.by is not None,
    )


def _refreezing(frozen: Frozen | None, request: Refreeze | None) -> str | None:
    """Return what became of a request to compute final numbers once more; None: there is none, or it is done."""
    if frozen is None or frozen.refrozen or request is None:
        return None
    if request.by is None:
        return f"not computed once more: {request.outcome}"
    failed = f", after an error: {request.outcome}" if request.outcome else ""
    return f"{request.by} asked to compute it once more; it waits{failed}"
