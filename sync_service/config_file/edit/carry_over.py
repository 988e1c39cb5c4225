"""Carry over: write successors of key results that were not achieved, as a file, and apply it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from sync_service.config_file.plan.apply import ConfigApplier, Files, Plan
from sync_service.config_file.plan.export import as_yaml, export_state
from sync_service.config_file.read.state import ORDER, Fields, Key, State, read_state
from sync_service.domain.cycles.outcomes import Outcome
from sync_service.domain.cycles.succession import successor_slug, successor_start
from sync_service.domain.measures.settings import parse_measure
from sync_service.store.cycles import successors
from sync_service.store.cycles.successors import Candidate
from sync_service.store.engine.database import reading

FILE = "carry-over"
"""Stands for the file name in errors."""


class NotCarried(ValueError):
    """It can't be carried over. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryOver:
    """Carries key results of a `cycle` over into another: the named ones, or all that were missed.

    With `rules` and `links` their rules and manual links are copied too.
    """

    applying: ConfigApplier
    cycle: str
    into: str
    slugs: Collection[str] = ()
    rules: bool = False
    links: bool = False

    def preview(self) -> Plan:
        """Return what would change. Raise `NotCarried`."""
        with reading(self.applying.engine) as tx:
            state = read_state(tx, self.applying.sealer)
            files = self._files(state, self._chosen(tx, state))
        return self.applying.plan(files, prune=False)

    def carry_out(self) -> Plan:
        """Make the successors in one transaction, and return what changed. Raise `NotCarried`."""
        chosen: list[Candidate] = []
        slugs: dict[str, str] = {}

        def choose(tx: Connection) -> None:
            state = read_state(tx, self.applying.sealer)
            chosen.extend(self._chosen(tx, state))
            slugs.update(self._successors(state, chosen))
            successors.save(tx, slugs)

        return self.applying.edit(
            lambda state: self._files(state, chosen),
            before=choose,
            after=lambda tx: successors.copy_ticks(tx, slugs),
        )

    def _chosen(self, tx: Connection, state: State) -> list[Candidate]:
        self._check(state)
        known = {one.slug.lower(): one for one in successors.candidates(tx, self.cycle)}
        unknown = [one for one in self.slugs if one.lower() not in known]
        if unknown:
            raise NotCarried(f"the cycle {self.cycle} has no key result {unknown[0]}")
        named = [known[one] for one in dict.fromkeys(one.lower() for one in self.slugs)]
        found = named or [one for one in known.values() if one.outcome == Outcome.MISSED and one.successor is None]
        if not found:
            raise NotCarried(f"the cycle {self.cycle} has no missed key result without a successor; settle it first")
        for one in found:
            self._check_one(one, state["key_results"][one.slug])
        return found

    def _check(self, state: State) -> None:
        for one in (self.cycle, self.into):
            if one not in state["cycles"]:
                raise NotCarried(f"there is no cycle {one}")
        if state["cycles"][self.into]["starts"] <= state["cycles"][self.cycle]["ends"]:
            raise NotCarried(f"the cycle {self.into} does not begin after the end of {self.cycle}")

    def _check_one(self, one: Candidate, fields: Fields) -> None:
        if one.successor is not None:
            raise NotCarried(f"{one.slug} has the successor {one.successor} already")
        if one.outcome is None:
            raise NotCarried(f"the outcome of {one.slug} is not settled yet")
        if self._start(one, fields) != fields["start"] and one.progress is not None and one.progress >= 1:
            raise NotCarried(f"{one.slug} reached its target; write its successor with another target in a file")

    @staticmethod
    def _start(one: Candidate, fields: Fields) -> float | None:
        return successor_start(parse_measure(fields["measure"]), fields["start"], one.value)

    def _successors(self, state: State, chosen: Collection[Candidate]) -> dict[str, str]:
        """Return the slugs of the successors."""
        found: dict[str, str] = {}
        for one in chosen:
            taken = [*(str(key) for key in state["key_results"]), *found.values()]
            found[one.slug] = successor_slug(one.slug, self.into, taken)
        return found

    def _objectives(self, state: State, chosen: Collection[Candidate]) -> dict[str, str]:
        """Return the objectives of the successors, by the objective that each stands for."""
        old = dict.fromkeys(str(state["key_results"][one.slug]["objective"]) for one in chosen)
        found: dict[str, str] = {}
        for one in old:
            first = successor_slug(one, self.into, ())
            is_there = state["objectives"].get(first, {}).get("cycle") == self.into
            taken = [*(str(key) for key in state["objectives"]), *found.values()]
            found[one] = first if is_there else successor_slug(one, self.into, taken)
        return found

    def _files(self, state: State, chosen: Collection[Candidate]) -> Files:
        """Return a file with the successors, and what they need."""
        slugs, objectives = self._successors(state, chosen), self._objectives(state, chosen)
        new: State = {section: {} for section in ORDER}
        for old, name in objectives.items():
            copied = {**state["objectives"][old], "cycle": self.into, "parent": None}
            new["objectives"][name] = state["objectives"].get(name, copied)
        for one in chosen:
            fields: Mapping[str, Any] = state["key_results"][one.slug]
            changed = {"objective": objectives[str(fields["objective"])], "start": self._start(one, fields)}
            new["key_results"][slugs[one.slug]] = {**fields, **changed}
        if self.rules:
            new["rules"] = self._copied_rules(state, slugs)
        if self.links:
            new["links"] = {
                (slugs[key[0]], key[1], key[2]): fields
                for key, fields in state["links"].items()
                if isinstance(key, tuple) and key[0] in slugs
            }
        return [(FILE, as_yaml(export_state(new)).encode())]

    def _copied_rules(self, state: State, slugs: Mapping[str, str]) -> dict[Key, Fields]:
        copied: dict[Key, Fields] = {}
        for key, fields in state["rules"].items():
            if fields["key_result"] in slugs:
                taken = [str(one) for one in (*state["rules"], *copied)]
                name = successor_slug(str(key), self.into, taken)
                copied[name] = {**fields, "key_result": slugs[fields["key_result"]]}
        return copied
