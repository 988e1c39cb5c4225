"""Searches as GitHub writes them, read into a tree, and what makes one usable as a rule's query.

https://docs.github.com/en/search-github/searching-on-github/searching-issues-and-pull-requests
https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/filtering-and-searching-issues-and-pull-requests
"""

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sync_service.domain.trackers.connector import Rejected

LONGEST = 220
"""GitHub takes 256 characters, of which going on page by page takes some."""

DEEPEST = 5
"""Parentheses within parentheses that GitHub takes."""

PLACES = ("repo", "org", "user")
KINDS = ("issue", "pr", "pull-request")

EVALUATED_LOCALLY = (
    *PLACES, "is", "state", "type", "reason", "label", "milestone", "assignee", "author", "no", "created", "updated",
    "closed", "merged", "parent-issue", "in",
)  # fmt: skip
"""Qualifiers that can be judged by what we hold of an issue."""

GITHUB_ONLY = (
    "app", "archived", "base", "blocked-by", "blocking", "commenter", "comments", "draft", "has", "head",
    "interactions", "involves", "language", "linked", "mentions", "project", "reactions", "review",
    "review-requested", "reviewed-by", "sha", "status", "sub-issue", "team", "team-review-requested",
    "user-review-requested",
)  # fmt: skip
"""Qualifiers that only GitHub can judge."""

STATES = ("open", "closed")
_TRAITS = (
    *KINDS, *STATES, "merged", "unmerged", "draft", "public", "private", "locked", "unlocked", "queued", "blocked",
    "blocking",
)  # fmt: skip
_VALUES = {"is": _TRAITS, "state": STATES, "in": ("title", "body", "comments")}
_FIELD = "field."

_TOKEN = re.compile(
    r"""
    (?P<paren>[()])
    | (?P<minus>-)? (?: (?P<qualifier>[A-Za-z][A-Za-z0-9._-]*): )? (?P<value> (?: "[^"]*" | [^\s"()] )+ )
    """,
    re.VERBOSE,
)
_PART = re.compile(r'(?:"[^"]*"|[^,"])+')


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a search, in small letters; without a qualifier a word to look for. `values` are alternatives."""

    qualifier: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        """Write it as GitHub does."""
        return f"{self.qualifier}:{','.join(self.values)}" if self.qualifier else f"the word {self.values[0]}"


@dataclass(frozen=True, slots=True)
class Not:
    """Holds where its term does not."""

    term: Term


@dataclass(frozen=True, slots=True)
class All:
    """Holds where all of its parts do."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """Holds where at least one of its parts does."""

    parts: tuple["Node", ...]


Node = Term | Not | All | Some


def read_query(query: str) -> Node:
    """Read a search that a rule may have. Raise `Rejected` with what is wrong with it."""
    if len(query) > LONGEST:
        raise Rejected(f"the query has {len(query)} characters, and may have {LONGEST}")
    if not query.isprintable():
        raise Rejected("the query holds a line break, a tab or another character that can't be printed")
    tree = _Reader(query).read()
    for term in terms(tree):
        _check(term)
    _check_places(tree)
    if not _in_each_way(tree, lambda term: term.qualifier in PLACES):
        raise Rejected("the query names no place: add repo:OWNER/NAME, org:NAME or user:NAME")
    if not _in_each_way(tree, _names_kind):
        raise Rejected("the query must say is:issue or is:pull-request, as GitHub asks")
    return tree


def terms(node: Node) -> Iterator[Term]:
    """Give every term, negated ones too."""
    match node:
        case Term():
            yield node
        case Not():
            yield node.term
        case All() | Some():
            for part in node.parts:
                yield from terms(part)


def _names_kind(term: Term) -> bool:
    return term.qualifier in ("is", "type") and all(value in KINDS for value in term.values)


def _in_each_way(node: Node, holds: Callable[[Term], bool]) -> bool:
    """Tell whether an issue can be found only by a term of a sort."""
    match node:
        case Term():
            return holds(node)
        case Not():
            return False
        case All():
            return any(_in_each_way(part, holds) for part in node.parts)
        case Some():
            return all(_in_each_way(part, holds) for part in node.parts)


def _check_places(node: Node) -> None:
    if isinstance(node, All | Some):
        named = [part for part in node.parts if isinstance(part, Term) and part.qualifier in PLACES]
        if isinstance(node, All) and len(named) > 1:
            either = " OR ".join(map(str, named))
            raise Rejected(f"an issue is in one place: write ({either}) where any of them will do")
        for part in node.parts:
            _check_places(part)


def _check(term: Term) -> None:
    name = term.qualifier
    if not name:
        return
    if name == "sort":
        raise Rejected("the query may not be sorted (sort:): its members are a set")
    known = (*EVALUATED_LOCALLY, *GITHUB_ONLY)
    if name not in known and not name.startswith(_FIELD):
        near = difflib.get_close_matches(name, known, n=1)
        raise Rejected(f"GitHub has no qualifier {name}:" + (f"; did you mean {near[0]}:?" if near else ""))
    for value in term.values:
        if name in _VALUES and value not in _VALUES[name]:
            raise Rejected(f"{name}: takes one of {', '.join(_VALUES[name])}, not {value!r}")
        if name == "repo" and not re.fullmatch(r"[^/\s]+/[^/\s]+", value):
            raise Rejected(f"repo: takes OWNER/NAME, not {value!r}")


class _Reader:
    """Reads one search from left to right; AND, said or not, binds closer than OR."""

    def __init__(self, query: str) -> None:
        self._tokens = list(_tokens(query))
        self._at = 0

    def read(self) -> Node:
        """Read the whole."""
        tree = self._either(0)
        if self._at < len(self._tokens):
            raise Rejected("a ) closes nothing")
        return tree

    def _either(self, depth: int) -> Node:
        parts = [self._both(depth)]
        while self._is("OR"):
            self._at += 1
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def _both(self, depth: int) -> Node:
        parts: list[Node] = []
        while self._at < len(self._tokens) and not self._is("OR") and not self._is(")"):
            if self._is("AND"):
                if not parts:
                    break
                self._at += 1
            parts.append(self._one(depth))
        if not parts:
            raise Rejected("something is missing beside AND, OR or a parenthesis" if self._tokens else "nothing to ask")
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self, depth: int) -> Node:
        piece = self._tokens[self._at] if self._at < len(self._tokens) else ""
        self._at += 1
        if isinstance(piece, Term | Not):
            return piece
        if piece == "NOT" and self._at < len(self._tokens):
            negated = self._one(depth)
            if isinstance(negated, Term):
                return Not(negated)
        if piece == "(":
            if depth >= DEEPEST:
                raise Rejected(f"parentheses may stand {DEEPEST} deep")
            inner = self._either(depth + 1)
            if not self._is(")"):
                raise Rejected("a ( is not closed")
            self._at += 1
            return inner
        raise Rejected(f"{piece or 'the end'} stands where a qualifier or a word should")

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
    pieces = _PART.findall(value) if qualifier else [value]
    values = tuple(text for piece in pieces if (text := " ".join(piece.replace('"', "").split()).casefold()))
    if not values or set(values) == {"-"}:
        raise Rejected(f"{found[0]} says nothing; a - stands before each qualifier, not before a parenthesis")
    term = Term(qualifier, values)
    return Not(term) if found["minus"] else term
