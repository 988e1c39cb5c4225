"""Preview of a plan: apply files to a private copy of the database, and compare the numbers before and after.

The copy is worked on by the same code that works on the database, so that the numbers are those that come.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Self
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine

from sync_service.config_file.plan.apply import ConfigApplier, Files, Plan
from sync_service.config_file.plan.saving.wired import Wired
from sync_service.domain.measures.status import Status
from sync_service.domain.trackers.connector import Connector
from sync_service.domain.trackers.queries import evaluated_by_tracker
from sync_service.progress.relink_jobs import Relinker
from sync_service.store.engine.database import reading, writing
from sync_service.store.engine.encryption import Sealer
from sync_service.store.engine.private_copy import private_copy
from sync_service.store.okrs.query_listings import not_in_force
from sync_service.store.okrs.ruleset import RulesetCache
from sync_service.store.queue import settings_work
from sync_service.store.views.key_results import KeyResultView, key_result_views
from sync_service.store.views.objectives import cycle_views, team_views


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a key result: `value` in its unit, `progress` an unclamped fraction; None without data."""

    value: float | None
    progress: float | None
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyResultEffect:
    """What applying does to a key result. `before` is None where it is new, `after` where it is removed.

    `unknown` says what the numbers after applying leave out: members of queries that were not listed yet.
    """

    slug: str
    title: str
    unit: str
    target: float | None
    before: Numbers | None
    after: Numbers | None
    unknown: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether its numbers differ, or may differ."""
        return self.before != self.after or bool(self.unknown)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveEffect:
    """The roll-up of an objective before and after, as fractions; None without data. `exists`: before, and after."""

    slug: str
    title: str
    before: float | None
    after: float | None
    exists: tuple[bool, bool]

    @property
    def changes(self) -> bool:
        """Whether its progress differs, or it is new or removed."""
        return self.before != self.after or not all(self.exists)


@dataclass(frozen=True, slots=True)
class PlanPreview:
    """What applying files would change, and how every key result and objective would stand."""

    plan: Plan
    key_results: tuple[KeyResultEffect, ...]
    objectives: tuple[ObjectiveEffect, ...]

    @property
    def changes(self) -> list[str]:
        """The changes, one line for each item."""
        return [str(one) for one in self.plan.changes]

    @property
    def summary(self) -> str:
        """The number of changes in words."""
        return self.plan.lines()[-1]

    @property
    def warnings(self) -> tuple[str, ...]:
        """States that are allowed, but may not do what people expect."""
        return self.plan.warnings

    @property
    def reverts(self) -> tuple[str, ...]:
        """What applying would undo of what people wrote on pages."""
        return self.plan.reverts


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPreviewer:
    """Previews plans on copies of a database. It reads no secret that a file refers to: the stored one stays."""

    engine: Engine
    sealer: Sealer
    connectors: Mapping[str, Connector]
    zone: ZoneInfo
    now: Callable[[], datetime]

    @classmethod
    def of(cls, services: Wired) -> Self:
        """Return the previewer of a process with these services."""
        return cls(
            engine=services.engine,
            sealer=services.sealer,
            connectors=services.connectors,
            zone=services.settings.zone,
            now=services.now,
        )

    def preview(self, files: Files, *, prune: bool) -> PlanPreview:
        """Return what applying would change. Raise `InvalidFiles` with every error; save nothing."""
        now = self.now()
        applier = partial(
            ConfigApplier,
            sealer=self.sealer,
            connectors=self.connectors,
            environment=None,
            zone=self.zone,
            now=lambda: now,
            actor="okr-sync plan",
        )
        plan = applier(engine=self.engine).plan(files, prune=prune)
        with private_copy(self.engine) as copy:
            self._work(copy, now)
            before = _State.read(copy, now)
            applier(engine=copy).apply(files, prune=prune, overwrite=True)
            self._work(copy, now)
            after = _State.read(copy, now)
        return PlanPreview(plan, tuple(_key_results(before, after)), tuple(_objectives(before, after)))

    def _work(self, copy: Engine, now: datetime) -> None:
        """Do all that changed settings made due, so that nothing else differs between before and after."""
        relinker = Relinker(
            engine=copy,
            settle=timedelta(0),
            now=lambda: now,
            ruleset_cache=RulesetCache(),
            listed_kinds=evaluated_by_tracker(self.connectors),
        )
        with writing(copy) as tx:
            settings_work.end_leases(tx)
        while relinker.drain_revisions() + relinker.drain_relinks() + relinker.drain_recomputes():
            pass
        with reading(copy) as tx:
            settings_work.require_no_failure(tx)


@dataclass(frozen=True, slots=True)
class _State:
    """The key results and objectives of a database, by slug; `unlisted` names the queries that are not listed yet."""

    key_results: Mapping[str, KeyResultView]
    objectives: Mapping[str, tuple[str, float | None]]
    unlisted: Mapping[str, Sequence[str]]

    @classmethod
    def read(cls, engine: Engine, now: datetime) -> "_State":
        with reading(engine) as tx:
            return cls({one.slug: one for one in key_result_views(tx, now)}, dict(_progress(tx, now)), not_in_force(tx))


def _progress(tx: Transaction, now: datetime) -> Iterator[tuple[str, tuple[str, float | None]]]:
    for cycle in cycle_views(tx, now):
        for team in team_views(tx, cycle.slug, now):
            for one in team.objectives:
                yield one.slug, (one.title, one.progress)


def _key_results(before: _State, after: _State) -> Iterator[KeyResultEffect]:
    """Yield the effect on each key result in the configured order, the removed ones last."""
    for slug in dict.fromkeys([*after.key_results, *before.key_results]):
        old, new = before.key_results.get(slug), after.key_results.get(slug)
        shown = new or before.key_results[slug]
        queries = after.unlisted.get(slug, ()) if new else ()
        newly = [one for one in queries if one not in before.unlisted.get(slug, ())]
        yield KeyResultEffect(
            slug=slug,
            title=shown.title,
            unit=shown.unit,
            target=shown.target,
            before=_numbers(old),
            after=_numbers(new),
            unknown=tuple(f"the members of rule {rule} are unknown before its query is listed" for rule in newly),
        )


def _numbers(view: KeyResultView | None) -> Numbers | None:
    return None if view is None else Numbers(view.current, view.progress, view.status)


def _objectives(before: _State, after: _State) -> Iterator[ObjectiveEffect]:
    for slug in dict.fromkeys([*after.objectives, *before.objectives]):
        title, _ = after.objectives.get(slug) or before.objectives[slug]
        yield ObjectiveEffect(
            slug=slug,
            title=title,
            before=before.objectives.get(slug, ("", None))[1],
            after=after.objectives.get(slug, ("", None))[1],
            exists=(slug in before.objectives, slug in after.objectives),
        )
