"""What issues would contribute to key results if they were done, with the links that they would have then."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.engine import Connection

from sync_service.domain.forecasts.burn_up.amounts import as_done
from sync_service.domain.measures.contributions import Contribution
from sync_service.domain.trackers.issue import Issue, with_fields
from sync_service.domain.trackers.observations import CLOSED, State
from sync_service.progress.link_changes.change_text import is_pending
from sync_service.progress.link_issues import LinkSources, known_entries
from sync_service.progress.met_conditions import met
from sync_service.progress.term_names import TermNames, keys_of
from sync_service.store.okrs import contributions, key_results, linked_issues, links
from sync_service.store.okrs.contributions import Contributions
from sync_service.store.okrs.key_results import KeyResult
from sync_service.store.okrs.links import Links
from sync_service.store.okrs.ruleset import Ruleset
from sync_service.store.trackers import issues


@dataclass(frozen=True, slots=True)
class IfDone:
    """What an open issue would contribute if it were done, by key result (None: nothing), and the steps it would do."""

    contributions: dict[int, Contribution | None] = field(default_factory=dict)
    steps: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))


def if_done(tx: Connection, ruleset: Ruleset, now: datetime, issue_ids: Collection[int]) -> dict[int, IfDone]:
    """Return what the open ones of some issues, by row id, would contribute if they were done now."""
    known = {row.id: row.issue for row in issues.read(tx, sorted(issue_ids)) if row.issue is not None}
    still_open = {
        id_: one
        for id_, one in known.items()
        if one.state is not None and one.state not in CLOSED and one.gone_reason is None
    }
    reader = _Reader(tx, ruleset, now, still_open)
    return {id_: reader.of(id_) for id_ in still_open}


class _Reader:
    """Reads what is needed of all issues together."""

    def __init__(self, tx: Connection, ruleset: Ruleset, now: datetime, still_open: Mapping[int, Issue]) -> None:
        self._tx, self._ruleset, self._now, self._open = tx, ruleset, now, still_open
        self._held = contributions.of_issues(tx, list(still_open))
        self._links = self._links_now_and_then()
        moved = {id_ for links in self._links.values() for each in links for id_ in each}
        steps = {id_ for one in self._step_issues().values() for id_ in one}
        found = key_results.read(tx, {*self._held, *moved, *steps})
        self._key_results: Mapping[int, KeyResult] = {one.id: one for one in found}
        self._met = {
            one.id: met(tx, ruleset, one.measure, list(self._held.get(one.id, still_open)), if_done=True)
            for one in found
            if "met" in one.measure.reads
        }

    def of(self, issue_id: int) -> IfDone:
        """Return what one of the issues would contribute."""
        found = IfDone()
        now, then = self._links.get(issue_id, ({}, {}))
        for id_, held in self._held.items():
            if issue_id in held:
                found.contributions[id_] = self._done(id_, issue_id, held) if id_ in then or id_ not in now else None
        for id_ in then.keys() - now.keys():
            linked = contributions.if_linked(self._tx, self._key_results[id_].measure, issue_id, then[id_])
            found.contributions[id_] = self._done(id_, issue_id, {issue_id: linked})
        for id_ in self._step_issues().get(issue_id, ()):
            found.steps[id_] += self._step_names(id_, issue_id)
        return found

    def _done(self, key_result_id: int, issue_id: int, held: Contributions) -> Contribution:
        measure = self._key_results[key_result_id].measure
        one = as_done(held[issue_id], self._now, measure.reads)
        return replace(one, met=self._met[key_result_id].get(issue_id)) if key_result_id in self._met else one

    def _links_now_and_then(self) -> dict[int, tuple[dict[int, float], dict[int, float]]]:
        """Return for each issue its key results, with weights: as it is, and as it would be done."""
        found = {}
        for connection_id, ids in linked_issues.by_connection(self._tx, list(self._open)).items():
            mine = [(id_, self._open[id_]) for id_ in ids]
            entries = known_entries(self._ruleset, connection_id, mine, reasons=())
            names = TermNames.read(self._tx, {key for _, one in mine for key in keys_of(connection_id, one)})
            sources, held = LinkSources.read(self._tx, self._ruleset, entries), links.read(self._tx, ids)
            for entry in entries:
                had = held.get(entry.row_id, {})
                closed = with_fields(entry.issue, state=State.DONE, closed_at=self._now)
                both = (entry, replace(entry, issue=closed))
                now, then = (
                    self._weights(sources.wanted(self._ruleset, each, names, had=had, now=self._now)) for each in both
                )
                found[entry.row_id] = (now, then)
        return found

    def _weights(self, links: Links) -> dict[int, float]:
        """Return the weights of links that count, by key result: a manual link's weight wins."""
        weights: dict[int, float] = {}
        for key, weight in sorted(links.items(), key=lambda one: one[0][1] == "manual"):
            if not is_pending(key, self._ruleset.rules.by_revision):
                weights[key[0]] = weight
        return weights

    def _step_issues(self) -> Mapping[int, Collection[int]]:
        """Return the key results that have an issue as a step, by the issue."""
        if not self._ruleset.step_issues:
            return {}
        return {
            id_: self._ruleset.step_issues.get((connection_id, self._open[id_].key.lower()), ())
            for connection_id, ids in linked_issues.by_connection(self._tx, list(self._open)).items()
            for id_ in ids
        }

    def _step_names(self, key_result_id: int, issue_id: int) -> list[str]:
        key = self._open[issue_id].key.lower()
        measure = self._key_results[key_result_id].measure
        slugs = {one.slug.lower() for one in self._ruleset.trackers.values()}
        named = {f"{slug}:{key}" for slug in slugs}
        return [step.name for step in measure.steps if step.issue and step.issue.lower() in named]
