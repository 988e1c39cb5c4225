"""The ruleset: everything that decides links and coverage, read once per rules version and cached."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.people.accounts import People, Site
from sync_service.domain.rules.condition_reach import mentions
from sync_service.domain.rules.rule_index import CompiledRule, RuleIndex
from sync_service.domain.text import folded
from sync_service.domain.trackers.fields.custom_fields import CustomField, custom_fields_of
from sync_service.domain.trackers.observations import ScopeRef
from sync_service.store.engine import versions
from sync_service.store.okrs import measure_issues, query_listings
from sync_service.store.okrs.compiled_rules import compiled_rules
from sync_service.store.okrs.team_settings import team_settings
from sync_service.store.tables import (
    live_connection,
    live_cycle,
    live_key_result,
    live_objective,
    live_scope,
)
from sync_service.store.trackers import accounts
from sync_service.store.trackers.connections import has_credentials
from sync_service.store.trackers.siblings import Groups, groups, site_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A watched scope. `name` is the configured name; `external_id` is the tracker's id, once known.

    `called` is its name at the tracker now, if that differs.
    """

    id: int
    connection_id: int
    name: str
    external_id: str | None
    covered: bool
    current_name: str | None = None


class Scopes:
    """The watched scopes, indexed by id and name."""

    def __init__(self, scopes: Iterable[Scope]) -> None:
        self._all = tuple(scopes)
        self._by_id = {(one.connection_id, one.external_id): one for one in self._all if one.external_id is not None}
        self._by_name = {(one.connection_id, folded(one.name)): one for one in self._all if one.external_id is None}

    def __iter__(self) -> Iterator[Scope]:
        return iter(self._all)

    def find(self, connection_id: int, ref: ScopeRef) -> Scope | None:
        """Return a scope by its stable id, else by name among those whose id is unknown."""
        known = self._by_id.get((connection_id, ref.id))
        return known or self._by_name.get((connection_id, folded(ref.name)))

    def why_not(self, connection_id: int, ref: ScopeRef) -> str:
        """Return that a scope is not watched, in words; also which scope is, if the name once belonged to that one."""
        name = folded(ref.name)
        other = next(
            (one for one in self._all if one.connection_id == connection_id and folded(one.name) == name), None
        )
        if other is None:
            return f"{ref.name} is not watched"
        return f"this {ref.name} is not watched: the one that had its name before is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracker:
    """A connection as the core needs it: without credentials; `can_fetch` says whether there are any."""

    id: int
    slug: str
    site: Site
    can_fetch: bool
    writes_back: bool
    fields: Mapping[str, CustomField] = field(default_factory=dict)
    """The custom fields that it names."""


@dataclass(frozen=True, slots=True)
class Successor:
    """The successor of a key result, and the end of its cycle in the time zone of its team."""

    id: int
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """One immutable version of connections, scopes, rules, key result slugs and people's accounts."""

    version: int
    trackers: Mapping[int, Tracker]
    scopes: "Scopes"
    rules: RuleIndex
    key_results: Mapping[str, int]
    partial: Mapping[int, str]
    people: People
    sibling_groups: Groups = field(default_factory=dict)
    conditional: frozenset[int] = frozenset()
    """Key results whose measure has a condition on issues: any change of an issue may count."""
    measures_of_ancestors: frozenset[int] = frozenset()
    """Key results whose measure has a condition on any ancestor of its issues."""
    successors: Mapping[int, Successor] = field(default_factory=dict)
    """The successors of key results that were carried over."""
    step_issues: Mapping[tuple[int, str], frozenset[int]] = field(default_factory=dict)
    """Key results with steps that are issues, by the issue's connection and key in lower case."""

    def named(self, slug: str, now: datetime, *, held: Collection[int] = ()) -> list[int]:
        """Return the key result with a slug, folded, and its successors while their cycles run.

        Those `held` were named while their cycles ran. None if there is no such key result.
        """
        one = self.key_results.get(slug)
        found, passed = [one] if one is not None else [], {one}
        while one is not None and (successor := self.successors.get(one)) and successor.id not in passed:
            one = successor.id
            passed.add(one)
            if now < successor.ends_at or one in held:
                found.append(one)
        return found

    def siblings_of(self, connection_id: int) -> list[int]:
        """Return the other connections to the same site."""
        first = self.sibling_groups.get(connection_id)
        return [one for one, group in self.sibling_groups.items() if group == first and one != connection_id]

    def same_site(self, connection_id: int) -> tuple[int, ...]:
        """Return all connections to the site of a connection, also itself."""
        return tuple(sorted((connection_id, *self.siblings_of(connection_id))))

    def asks_for_ancestors(self, connection_id: int) -> bool:
        """Return whether anything at the site of a connection depends on any ancestor of an issue."""
        asking = self.rules.connections_with_ancestors
        return bool(self.measures_of_ancestors) or not asking.isdisjoint(self.same_site(connection_id))

    def scope_of(self, connection_id: int, ref: ScopeRef) -> Scope | None:
        """Return the watched scope of a snapshot: by its stable id, else by name while no id is known."""
        return self.scopes.find(connection_id, ref)

    def why_unwatched(self, connection_id: int, ref: ScopeRef) -> str:
        """Return that a scope is not watched, in words."""
        return self.scopes.why_not(connection_id, ref)

    @property
    def write_back_connections(self) -> list[int]:
        """Return the ids of the connections with write-back."""
        return [tracker.id for tracker in self.trackers.values() if tracker.writes_back]

    @property
    def uncovered(self) -> Mapping[int, str]:
        """Return the ids and names of the scopes that are not covered."""
        return {scope.id: scope.name for scope in self.scopes if not scope.covered}


class RulesetCache:
    """Caches the newest ruleset; loads it again only when the rules' version has changed."""

    def __init__(self) -> None:
        self._ruleset: Ruleset | None = None

    @property
    def version(self) -> int | None:
        """Return the version of the cached ruleset."""
        return self._ruleset.version if self._ruleset else None

    def current(self, tx: Transaction) -> Ruleset:
        """Return the current ruleset and lock the rules against changes until `tx` ends."""
        version = versions.lock_rules_shared(tx)
        if self._ruleset is None or self._ruleset.version != version:
            self._ruleset = load_ruleset(tx, version)
        return self._ruleset


def load_ruleset(tx: Transaction, version: int) -> Ruleset:
    """Load the ruleset from the database."""
    trackers = _trackers(tx)
    scopes = Scopes(
        Scope(
            id=row.id,
            connection_id=row.connection_id,
            name=row.name,
            external_id=row.external_id,
            covered=row.covered_at is not None,
            current_name=row.current_name,
        )
        for row in tx.execute(sa.select(live_scope).order_by(live_scope.c.id))
    )
    rules = RuleIndex(compiled_rules(tx))
    key_results = {
        folded(row.slug): row.id for row in tx.execute(sa.select(live_key_result.c.id, live_key_result.c.slug))
    }
    conditional = measure_issues.conditional(tx)
    siblings = groups(tx)
    partial = {**_partly_seen(rules.rules, scopes, siblings), **query_listings.partly_seen(tx)}
    return Ruleset(
        version=version,
        trackers=trackers,
        scopes=scopes,
        rules=rules,
        key_results=key_results,
        partial=partial,
        people=accounts.people(tx),
        sibling_groups=siblings,
        conditional=frozenset(conditional),
        measures_of_ancestors=frozenset(id_ for id_, one in conditional.items() if mentions(one.condition, "under")),
        successors=_successors(tx),
        step_issues=measure_issues.step_issues(tx, {one.slug.lower(): one.id for one in trackers.values()}),
    )


def _successors(tx: Transaction) -> dict[int, Successor]:
    before, k, settings = live_key_result.alias("before"), live_key_result, team_settings(tx)
    found = (
        sa.select(before.c.id.label("before"), k.c.id, live_objective.c.team_id, live_cycle.c.starts, live_cycle.c.ends)
        .join(k, k.c.slug == before.c.successor_slug)
        .join(live_objective, live_objective.c.id == k.c.objective_id)
        .join(live_cycle, live_cycle.c.id == live_objective.c.cycle_id)
    )
    return {
        row.before: Successor(row.id, settings.of(row.team_id).span(row.starts, row.ends).ends_at)
        for row in tx.execute(found)
    }


def with_rules(tx: Transaction, ruleset: Ruleset, rules: Iterable[CompiledRule]) -> Ruleset:
    """Return a copy of the ruleset with these rules instead (for previews)."""
    index = RuleIndex(rules)
    unlisted = query_listings.partly_seen(tx, without=ruleset.rules.by_revision.keys() - index.by_revision.keys())
    return replace(
        ruleset, rules=index, partial={**_partly_seen(index.rules, ruleset.scopes, ruleset.sibling_groups), **unlisted}
    )


def _trackers(tx: Transaction) -> dict[int, Tracker]:
    c = live_connection.c
    named = sa.select(c.id, c.slug, c.kind, c.site, c.options, c.write_back, has_credentials().label("can_fetch"))
    return {
        row.id: Tracker(
            id=row.id,
            slug=row.slug,
            site=Site(row.kind, site_key(row.site)),
            can_fetch=row.can_fetch,
            writes_back=row.write_back,
            fields=custom_fields_of(row.options),
        )
        for row in tx.execute(named)
    }


def _partly_seen(rules: Iterable[CompiledRule], scopes: Iterable[Scope], siblings: Groups) -> dict[int, str]:
    """Return why key results are partial: the names of the scopes that their rules reach and that are not covered.

    A rule about any ancestor reaches all scopes of its site.
    """
    uncovered: dict[int, list[str]] = defaultdict(list)
    waiting = [scope for scope in scopes if not scope.covered]
    for one in rules:
        for known in waiting:
            if not one.pending and _reaches(one, known, siblings):
                uncovered[one.key_result_id].append(known.name)
    return {
        key_result_id: "not imported yet: " + ", ".join(sorted(set(names)))
        for key_result_id, names in uncovered.items()
    }


def _reaches(rule: CompiledRule, known: Scope, siblings: Groups) -> bool:
    """Return whether what a rule links depends on the issues of a scope."""
    mine, its = rule.connection_id, known.connection_id
    if rule.names_ancestors:
        return its == mine or (its in siblings and siblings[its] == siblings.get(mine))
    return its == mine and (rule.scopes is None or folded(known.name) in rule.scopes)
