"""Index of all mapping rules by what their conditions ask for, so that an issue does not ask each of 10,000 rules.

A term is a field with one value, `("labels", "checkout")`. Most conditions hold only for issues that have at least one
of a few terms; the rule is found by these, and only then its whole condition is tested.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync_service.domain.rules.conditions import DATES, FIELDS, SETS, Predicate, Subject
from sync_service.domain.rules.field_tests.custom_values import PREFIX
from sync_service.domain.text import folded

Term = tuple[str, str]
"""A field and one folded value of it; the empty text: it has none."""

Terms = frozenset[Term]

EQUALITIES = ("is", "has", "in")
"""Operators that compare whole values."""

_TEXTS = tuple(field for field in FIELDS if field not in (*SETS, *DATES))


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledRule:
    """One revision of a rule, compiled. `pending`: its links are stored but do not count yet.

    A rule with a `query` in the tracker's own language has query members; its predicate is not used. `names_parent`:
    its condition depends on the parent; `names_ancestors`: on further ancestors too. `scopes` and `terms` are the
    results of `possible_scopes` and `necessary_terms`. `proposing`: its matches wait for the owner of the key result.
    `perhaps`: what its condition says where unknown custom fields may have any value; None: it names none.
    """

    revision_id: int
    slug: str
    connection_id: int
    key_result_id: int
    predicate: Predicate
    scopes: frozenset[str] | None
    pending: bool
    query: str | None = None
    names_parent: bool = False
    names_ancestors: bool = False
    proposing: bool = False
    terms: Sequence[Terms] = ()
    perhaps: Predicate | None = None

    def origin(self, decided: Mapping[tuple[str, int], bool]) -> str | None:
        """Return the origin of its link to an issue that it matches; None: the owner declined it.

        `decided` says which links of the issue were accepted, by the rule's slug and the key result's id. An active
        rule does not ask.
        """
        accepted = not self.proposing or decided.get((self.slug, self.key_result_id))
        return "rule" if accepted else "proposed" if accepted is None else None


def necessary_terms(condition: Mapping[str, Any]) -> list[Terms]:
    """Return sets of terms of a valid condition: where it holds, the issue has at least one term of each set."""
    if "field" in condition:
        return _terms_of_leaf(condition)
    found = [terms for member in condition.get("all", ()) for terms in necessary_terms(member)]
    members = [necessary_terms(member) for member in condition.get("any", ())]
    if members and all(members):
        found.append(frozenset().union(*(min(member, key=len) for member in members)))
    return found


def _terms_of_leaf(leaf: Mapping[str, Any]) -> list[Terms]:
    operator = next(name for name in leaf if name != "field")
    if operator not in EQUALITIES:
        return []
    values = leaf[operator] if operator == "in" else [leaf[operator]]
    if not all(value is None or isinstance(value, str) for value in values):
        return []  # a number is no term
    return [frozenset((leaf["field"], folded((value or "").strip())) for value in values)]


def terms_of(subject: Subject) -> Iterator[Term]:
    """Yield the terms of an issue."""
    for field in _TEXTS:
        yield field, getattr(subject, field)
    for field in SETS:
        for value in getattr(subject, field) or ("",):
            yield field, value
    for key in subject.other_parents:
        yield "parent", key
    for login in subject.other_authors:
        yield "author", login
    for name, found in subject.fields.items():
        for value in found or ("",) if isinstance(found, frozenset) else ("",) if found is None else ():
            yield PREFIX + name, value


class RuleIndex:
    """All compiled rules. Each is found by the terms of one of its sets, the one whose terms the fewest rules have.

    `by_revision` holds all of them by revision id, `queries` those with a query; `connections_with_queries` are the ids
    of the connections that have such rules, `connections_with_parents` of those with rules about parents,
    `connections_with_ancestors` of those with rules about any ancestor, `connections_with_proposals` of those with
    proposing rules.
    """

    def __init__(self, rules: Iterable[CompiledRule]) -> None:
        self.rules = tuple(rules)
        self.by_revision = {rule.revision_id: rule for rule in self.rules}
        self.queries = {rule.revision_id: rule for rule in self.rules if rule.query is not None}
        self.connections_with_queries = frozenset(rule.connection_id for rule in self.queries.values())
        self.connections_with_parents = frozenset(rule.connection_id for rule in self.rules if rule.names_parent)
        self.connections_with_ancestors = frozenset(rule.connection_id for rule in self.rules if rule.names_ancestors)
        self.connections_with_proposals = frozenset(rule.connection_id for rule in self.rules if rule.proposing)
        self._perhaps: dict[str, list[CompiledRule]] = defaultdict(list)
        for one in self.rules:
            if one.perhaps is not None:
                self._perhaps[one.slug].append(one)
        self._by_term: dict[int, dict[Term, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._anywhere: dict[int, list[int]] = defaultdict(list)
        uses = Counter((rule.connection_id, term) for rule in self.rules for terms in rule.terms for term in terms)
        for number, rule in enumerate(self.rules):
            if rule.revision_id in self.queries:
                continue
            if not rule.terms:
                self._anywhere[rule.connection_id].append(number)
                continue
            rarest = min(rule.terms, key=lambda terms: sum(uses[rule.connection_id, term] for term in terms))
            for term in rarest:
                self._by_term[rule.connection_id][term].append(number)

    def matching(self, connection_id: int, subject: Subject) -> list[CompiledRule]:
        """Return the rules whose condition holds for the issue, in their order."""
        numbers = set(self._anywhere.get(connection_id, ()))
        by_term = self._by_term.get(connection_id)
        if by_term:
            for term in terms_of(subject):
                numbers.update(by_term.get(term, ()))
        candidates = (self.rules[number] for number in sorted(numbers))
        return [rule for rule in candidates if rule.predicate(subject)]

    def undecided(self, subject: Subject, linked_by: Iterable[int]) -> list[CompiledRule]:
        """Return the rules that linked the issue, by one of these revisions, and of which unknown fields now decide."""
        if not self._perhaps:
            return []
        slugs = {self.by_revision[one].slug for one in linked_by if one in self.by_revision}
        asked = (rule for slug in sorted(slugs) for rule in self._perhaps.get(slug, ()))
        return [one for one in asked if one.perhaps and not one.predicate(subject) and one.perhaps(subject)]
