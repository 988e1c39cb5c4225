"""Parse GitHub search syntax into a tree, and validate it as a rule's query.

https://docs.github.com/en/search-github/searching-on-github/searching-issues-and-pull-requests
https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/filtering-and-searching-issues-and-pull-requests
"""

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sync_service.domain.text import folded
from sync_service.domain.trackers.connector import Rejected

LONGEST = 220
"""Most characters. GitHub allows 256; the condition for the next page needs some of them."""

DEEPEST = 5
"""Deepest nesting of parentheses that GitHub allows."""

SCOPE_QUALIFIERS = ("repo", "org", "user")
KINDS = ("issue", "pr", "pull-request")

EVALUATED_LOCALLY = (
    *SCOPE_QUALIFIERS, "is", "state", "type", "reason", "label", "milestone", "assignee", "author", "no",
    "created", "updated", "closed", "merged", "parent-issue", "in",
)  # fmt: skip
"""Qualifiers that we can evaluate on a stored issue."""

GITHUB_ONLY = (
    "app", "archived", "base", "blocked-by", "blocking", "commenter", "comments", "draft", "has", "head",
    "interactions", "involves", "language", "linked", "mentions", "project", "reactions", "review",
    "review-requested", "reviewed-by", "sha", "status", "sub-issue", "team", "team-review-requested",
    "user-review-requested",
)  # fmt: skip
"""Qualifiers that only GitHub can evaluate."""

STATES = ("open", "closed")
_TRAITS = (
    *KINDS, *STATES, "merged", "unmerged", "draft", "public", "private", "locked", "unlocked", "queued", "blocked",
    "blocking",
)  # fmt: skip
VALUES = {"is": _TRAITS, "state": STATES, "in": ("title", "body", "comments")}
"""Qualifiers that take one of a few values."""
_FIELD = "field."

_TOKEN = re.compile(
    r"""
    (?P<paren>[()])
    | (?P<minus>-)? (?: (?P<qualifier>[A-Za-z][A-Za-z0-9._-]*): )? (?P<value> (?: "[^"]*" | [^\s"()] )+ )
    """,
    re.VERBOSE,
)
_VALUE = re.compile(r'(?:"[^"]*"|[^,"])+')


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a search, in lower case; without a qualifier a word to find. `values` are alternatives."""

    qualifier: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        """Return it in GitHub's syntax."""
        return f"{self.qualifier}:{','.join(self.values)}" if self.qualifier else f"the word {self.values[0]}"


@dataclass(frozen=True, slots=True)
class Not:
    """True when its term is not."""

    term: Term


@dataclass(frozen=True, slots=True)
class All:
    """True when all of its parts are (AND)."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """True when at least one of its parts is (OR)."""

    parts: tuple["Node", ...]


Node = Term | Not | All | Some


def read_query(query: str) -> Node:
    """Parse a search for a rule. Raise `Rejected` with the error."""
    if len(query) > LONGEST:
        raise Rejected(f"the query has {len(query)} characters, but at most {LONGEST} are allowed")
    if not query.isprintable():
        raise Rejected("the query contains a line break, a tab or another character that can't be printed")
    tree = _Parser(query).read()
    for term in terms(tree):
        _check(term)
    _check_scope_qualifiers(tree)
    if not _always_requires(tree, lambda term: term.qualifier in SCOPE_QUALIFIERS):
        raise Rejected("the query names no repository or owner: add repo:OWNER/NAME, org:NAME or user:NAME")
    if not _always_requires(tree, _names_kind):
        raise Rejected("the query must contain is:issue or is:pull-request: GitHub requires it")
    return tree


def terms(node: Node) -> Iterator[Term]:
    """Yield every term, including negated ones."""
    match node:
        case Term():
            yield node
        case Not():
            yield node.term
        case All() | Some():
            for child in node.parts:
                yield from terms(child)


def _names_kind(term: Term) -> bool:
    return term.qualifier in ("is", "type") and all(value in KINDS for value in term.values)


def _always_requires(node: Node, holds: Callable[[Term], bool]) -> bool:
    """Return whether every issue that the search finds must match a term for which `holds` is true."""
    match node:
        case Term():
            return holds(node)
        case Not():
            return False
        case All():
            return any(_always_requires(child, holds) for child in node.parts)
        case Some():
            return all(_always_requires(child, holds) for child in node.parts)


def _check_scope_qualifiers(node: Node) -> None:
    if isinstance(node, All | Some):
        named = [child for child in node.parts if isinstance(child, Term) and child.qualifier in SCOPE_QUALIFIERS]
        if isinstance(node, All) and len(named) > 1:
            either = " OR ".join(map(str, named))
            raise Rejected(f"an issue is in one repository only: write ({either}) to find issues of any of them")
        for child in node.parts:
            _check_scope_qualifiers(child)


def _check(term: Term) -> None:
    name = term.qualifier
    if not name:
        return
    if name == "sort":
        raise Rejected("the query may not be sorted (sort:): its result is a set")
    known = (*EVALUATED_LOCALLY, *GITHUB_ONLY)
    if name not in known and not name.startswith(_FIELD):
        near = difflib.get_close_matches(name, known, n=1)
        raise Rejected(f"GitHub has no qualifier {name}:" + (f"; did you mean {near[0]}:?" if near else ""))
    for value in term.values:
        if name in VALUES and value not in VALUES[name]:
            raise Rejected(f"{name}: takes one of {', '.join(VALUES[name])}, not {value!r}")
        if name == "repo" and not re.fullmatch(r"[^/\s]+/[^/\s]+", value):
            raise Rejected(f"repo: takes OWNER/NAME, not {value!r}")


class _Parser:
    """Parser of one search, left to right. AND, written or implied, binds closer than OR."""

    def __init__(self, query: str) -> None:
        self._tokens = list(_tokens(query))
        self._at = 0

    def read(self) -> Node:
        """Parse the whole search."""
        tree = self._parse_or(0)
        if self._at < len(self._tokens):
            raise Rejected("a ) has no matching (")
        return tree

    def _parse_or(self, depth: int) -> Node:
        nodes = [self._parse_and(depth)]
        while self._is("OR"):
            self._at += 1
            nodes.append(self._parse_and(depth))
        return nodes[0] if len(nodes) == 1 else Some(tuple(nodes))

    def _parse_and(self, depth: int) -> Node:
        nodes: list[Node] = []
        while self._at < len(self._tokens) and not self._is("OR") and not self._is(")"):
            if self._is("AND"):
                if not nodes:
                    break
                self._at += 1
            nodes.append(self._parse_term(depth))
        if not nodes:
            raise Rejected(
                "a term is missing beside AND, OR or a parenthesis" if self._tokens else "the query is empty"
            )
        return nodes[0] if len(nodes) == 1 else All(tuple(nodes))

    def _parse_term(self, depth: int) -> Node:
        piece = self._tokens[self._at] if self._at < len(self._tokens) else ""
        self._at += 1
        if isinstance(piece, Term | Not):
            return piece
        if piece == "NOT" and self._at < len(self._tokens):
            negated = self._parse_term(depth)
            if isinstance(negated, Term):
                return Not(negated)
        if piece == "(":
            if depth >= DEEPEST:
                raise Rejected(f"parentheses may be nested {DEEPEST} deep")
            inner = self._parse_or(depth + 1)
            if not self._is(")"):
                raise Rejected("a ( is not closed")
            self._at += 1
            return inner
        raise Rejected(f"expected a qualifier or a word, found {piece or 'the end'}")

    def _is(self, word: str) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at] == word


def _tokens(query: str) -> Iterator[Term | Not | str]:
    at = 0
    while at < len(query):
        if query[at] == " ":
            at += 1
            continue
        found = _TOKEN.match(query, at)
        if found is None:
            raise Rejected(f"a quotation mark is not closed: {query[at : at + 30]}")
        at = found.end()
        if found["paren"]:
            yield found["paren"]
        elif found["value"] in ("AND", "OR", "NOT") and not found["qualifier"] and not found["minus"]:
            yield found["value"]
        else:
            yield _term(found)


def _term(found: re.Match[str]) -> Term | Not:
    qualifier, value = (found["qualifier"] or "").lower(), found["value"]
    pieces = _VALUE.findall(value) if qualifier else [value]
    values = tuple(text for piece in pieces if (text := folded(" ".join(piece.replace('"', "").split()))))
    if not values or set(values) == {"-"}:
        raise Rejected(f"{found[0]} has no value; write - before each qualifier, not before a parenthesis")
    term = Term(qualifier, values)
    return Not(term) if found["minus"] else term
