"""Follow-ups of changed settings: which key results to recompute, and which connections' issues to relink."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.config_file.plan.diff import Change
from sync_service.domain.measures.status import Thresholds
from sync_service.domain.rules.field_tests.days import CycleDays
from sync_service.domain.rules.relink_reasons import RelinkReason
from sync_service.domain.text import in_full
from sync_service.domain.trackers.causes import Cause
from sync_service.store import tables as t
from sync_service.store.cycles import spans
from sync_service.store.okrs import compiled_rules, key_results, team_settings
from sync_service.store.okrs.team_settings import Settings
from sync_service.store.queue import relink_requests
from sync_service.store.trackers import accounts, descendants, link_comments

_OF_OBJECTIVES = ("cycle", "owner", "roll_up")
_OF_KEY_RESULTS = ("start", "target", "stay", "measure", "apply", "rolls_up", "objective", "owner")


@dataclass(frozen=True, slots=True)
class Decided:
    """What a team and the organisation decide for a key result. `counts_days`: its measure counts working days."""

    zone: str
    thresholds: Thresholds
    calendar: Mapping[str, Any] | None
    counts_days: bool

    def differences(self, before: "Decided") -> Iterator[str]:
        """Yield what differs from before, as causes."""
        if self.zone != before.zone:
            yield f"time zone changed from {before.zone} to {self.zone}"
        if self.thresholds != before.thresholds:
            yield f"thresholds changed from {_thresholds(before.thresholds)} to {_thresholds(self.thresholds)}"
        if self.counts_days and self.calendar != before.calendar:
            yield f"working days changed from {_calendar(before.calendar)} to {_calendar(self.calendar)}"


def _thresholds(one: Thresholds) -> str:
    return f"{in_full(one.at_risk)} and {in_full(one.behind)} points"


def _calendar(written: Mapping[str, Any] | None) -> str:
    if written is None:
        return "Monday to Friday"
    place = "-".join(filter(None, (written.get("country"), written.get("subdivision"))))
    return ", ".join(written["days"]) + (f" with the holidays of {place}" if place else "")


def _decided(settings: Settings, measure: Mapping[str, Any]) -> Decided:
    counts_days = measure.get("days") == "working"
    return Decided(settings.zone.key, settings.thresholds, settings.calendar, counts_days)


@dataclass(slots=True)
class FollowUps:
    """Collects what changes affect, then makes it due in the same transaction."""

    tx: Transaction
    actor: str
    now: datetime
    _before: dict[int, Decided] = field(init=False)
    _cycles: Mapping[int, CycleDays] = field(init=False)
    _causes: dict[int, list[Cause]] = field(default_factory=lambda: defaultdict(list))
    _relinks: dict[int, list[RelinkReason]] = field(default_factory=lambda: defaultdict(list))
    _ids: dict[str, dict[str, int]] = field(default_factory=dict)
    _members: Mapping[str, list[int]] = field(default_factory=dict)
    _people_changed: bool = False

    def __post_init__(self) -> None:
        self._before = self._decided()
        self._cycles = compiled_rules.cycles(self.tx)

    def before_removal(self, change: Change) -> None:
        """Note what a removal affects, while the rows still exist."""
        if change.section == "connections":
            self._recompute(self._key_results_of(str(change.key)), f"connection {change.key} removed")
        elif change.section == "people":
            self._people()
        elif change.section == "links":
            self._link(change)

    def after_saving(self, changes: Sequence[Change]) -> None:
        """Note what new or changed items affect."""
        self._ids.clear()
        self._members = {}
        for change in changes:
            self._after_saving(change)

    def _after_saving(self, change: Change) -> None:
        match change.section:
            case "people" if change.before is None or change.differs("accounts", "role"):
                self._people()
            case "cycles" if change.before:
                self._cycle(change)
            case "connections" if change.before:
                self._connection(change)
            case "organisation" if change.differs("grace_days"):
                self._recompute(spans.key_results_ended(self.tx, self.now), _changed_fields(change, "grace_days"))
            case "objectives" if change.differs(*_OF_OBJECTIVES):
                self._recompute(self._below(str(change.key)), _changed_fields(change, *_OF_OBJECTIVES))
            case "key_results":
                self._key_result(change)
            case "links":
                self._link(change)

    def make_due(self) -> None:
        """Write what was noted as due rows, and delete pinned accounts whose logins are not used any more."""
        accounts.delete_unnamed(self.tx)
        self._settings()
        self._dated_rules()
        for connection_id in self._existing(t.live_connection, self._relinks):
            relink_requests.add(self.tx, [(connection_id, list(dict.fromkeys(self._relinks[connection_id])))])
        key_results.recompute_each(self.tx, self._causes)

    def _existing(self, table: sa.FromClause, ids: Iterable[int]) -> Sequence[int]:
        return self.tx.scalars(sa.select(table.c.id).where(table.c.id.in_(ids)).order_by(table.c.id)).all()

    def _people(self) -> None:
        """Relink where comments ask for links: a person's permission to link has changed."""
        if not self._people_changed:
            self._people_changed = True
            self._relink(link_comments.connections_with_any(self.tx), accounts.RELINKED)

    def _link(self, change: Change) -> None:
        for one in self._id_of(t.live_key_result, change.key[0]):
            why = RelinkReason(what="manual links changed", key_result=one, origin="manual")
            self._relink([self._connection_id(change.key[1])], why)

    def _cycle(self, change: Change) -> None:
        if change.differs("starts_at", "ends_at"):
            what = f"cycle {change.key}: {', '.join(change.words('starts', 'ends', 'starts_at', 'ends_at'))}"
            self._recompute(self._key_results(t.live_cycle.c.slug == change.key), what)

    def _connection(self, change: Change) -> None:
        connection = [self._connection_id(str(change.key))]
        for scope, words in change.scope_words():
            self._relink(connection, RelinkReason(what=f"{change.key}: {words}", scope=scope))
        for words in change.words("options", "site"):
            self._relink(connection, RelinkReason(what=f"{change.key}: {words}"))
        for words in change.words("site"):  # other connections may have been to the same site, or now are
            descendants.match_all(self.tx, self._named(t.live_connection).values(), f"{change.key}: {words}")
        for scope, words in change.scope_words():
            self._recompute(self._key_results_of(str(change.key), scope), f"{change.key}: {words}")
        for words in change.words("earlier"):
            self._recompute(self._key_results_of(str(change.key)), f"{change.key}: {words}")

    def _key_result(self, change: Change) -> None:
        ids = self._id_of(t.live_key_result, str(change.key))
        if change.before is None:
            self._recompute(ids, "key result added")
            # Known issues may already have its `okr:` label.
            for one in ids:
                why = RelinkReason(what=f"key result {change.key} added", key_result=one)
                self._relink(self._named(t.live_connection).values(), why)
        elif change.differs(*_OF_KEY_RESULTS):
            self._recompute(ids, _changed_fields(change, *_OF_KEY_RESULTS))

    def _settings(self) -> None:
        """Recompute key results whose time zone, thresholds or calendar changed, wherever they have them from."""
        for key_result_id, after in self._decided().items():
            for words in after.differences(self._before.get(key_result_id, after)):
                self._recompute([key_result_id], words)

    def _dated_rules(self) -> None:
        """Relink where rules compare days and the cycle of their key result, or its time zone, is another one."""
        now = compiled_rules.cycles(self.tx)
        changed = {id_ for id_, days in now.items() if self._cycles.get(id_, days) != days}
        for connection_id, key_result_id in compiled_rules.dated(self.tx, changed):
            why = RelinkReason(what=f"its cycle is now {now[key_result_id]}", key_result=key_result_id, origin="rule")
            self._relink([connection_id], why)

    def _decided(self) -> dict[int, Decided]:
        """Return what teams and the organisation decide for each key result, as it is now."""
        k, o = t.live_key_result, t.live_objective
        team_settings.clear_cache(self.tx)
        settings = team_settings.team_settings(self.tx)
        found = sa.select(k.c.id, k.c.measure, o.c.team_id).join(o, o.c.id == k.c.objective_id)
        return {row.id: _decided(settings.of(row.team_id), row.measure) for row in self.tx.execute(found)}

    def _recompute(self, key_result_ids: Iterable[int], what: str) -> None:
        for one in key_result_ids:
            self._causes[one].append(Cause(what=what, actor=self.actor))

    def _relink(self, connection_ids: Iterable[int], why: RelinkReason) -> None:
        for one in connection_ids:
            self._relinks[one].append(why)

    def _connection_id(self, slug: str) -> int:
        return self._named(t.live_connection)[slug]

    def _id_of(self, table: sa.Subquery, slug: str) -> list[int]:
        found = self._named(table).get(slug)
        return [] if found is None else [found]

    def _named(self, table: sa.Subquery) -> Mapping[str, int]:
        """Return the ids of a table's rows by slug."""
        if table.name not in self._ids:
            rows = self.tx.execute(sa.select(table.c.slug, table.c.id).order_by(table.c.id))
            self._ids[table.name] = {row.slug: row.id for row in rows}
        return self._ids[table.name]

    def _below(self, objective: str) -> list[int]:
        """Return the key results of an objective."""
        if not self._members:
            k, o, found = t.live_key_result, t.live_objective, defaultdict(list)
            for row in self.tx.execute(
                sa.select(o.c.slug, k.c.id).join(o, o.c.id == k.c.objective_id).order_by(k.c.id)
            ):
                found[row.slug].append(row.id)
            self._members = found
        return self._members.get(objective, [])

    def _key_results(self, where: sa.ColumnElement[bool]) -> Sequence[int]:
        k, o, c = t.live_key_result, t.live_objective, t.live_cycle
        found = sa.select(k.c.id).join(o, o.c.id == k.c.objective_id).join(c, c.c.id == o.c.cycle_id)
        return self.tx.scalars(found.where(where)).all()

    def _key_results_of(self, connection: str, scope: str | None = None) -> Sequence[int]:
        """Return the key results that a connection's rules or linked issues (of a scope, if given) belong to."""
        connection_id = (
            sa.select(t.live_connection.c.id).where(t.live_connection.c.slug == connection).scalar_subquery()
        )
        by_rule = sa.select(t.rule.c.key_result_id).where(t.rule.c.connection_id == connection_id)
        by_link = sa.select(t.link.c.key_result_id).join(t.issue, t.issue.c.id == t.link.c.issue_id)
        linked = [t.issue.c.connection_id == connection_id]
        if scope is not None:
            linked.append(sa.func.lower(t.issue.c.scope_name) == scope.lower())
        return self.tx.scalars(by_rule.union(by_link.where(*linked))).all()


def _changed_fields(change: Change, *names: str) -> str:
    """Describe changed fields as a cause: `target changed from 100 to 90`."""
    return ", ".join(words.replace(" ", " changed from ", 1).replace(" → ", " to ") for words in change.words(*names))
