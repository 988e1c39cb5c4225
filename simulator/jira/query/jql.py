"""Parse JQL into a tree of clauses.

https://support.atlassian.com/jira-software-cloud/docs/what-is-advanced-search-in-jira-cloud/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<quoted>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
      | (?P<sign>!=|!~|>=|<=|&&|\|\||[=~<>(),!])
      | (?P<word>(?:\[[^\]]*\]|\\.|[^\s"'=~<>(),!&|\[\]\\])+)
    )""",
    re.VERBOSE,
)
_JOINING: dict[str, Literal["and", "or"]] = {"and": "and", "&&": "and", "or": "or", "||": "or"}
_SIGNS = frozenset({"=", "!=", "~", "!~", ">", "<", ">=", "<="})
_RESERVED = frozenset({"and", "or", "not", "in", "is", "order", "by", "empty", "null", "was", "changed"})
_EMPTY = frozenset({"empty", "null"})


class JqlError(ValueError):
    """A query that Jira refuses; the message is Jira's."""


@dataclass(frozen=True, slots=True)
class Value:
    """A text or number as written, without its quotes."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A call like `openSprints()`."""

    name: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Empty:
    """The word EMPTY or NULL."""


Operand = Value | Function | Empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One field, an operator in lower case (`=`, `not in`, `is`), and one operand, or several where it is `listed`."""

    field: str
    operator: str
    operands: tuple[Operand, ...]
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Compound:
    """Clauses joined by `and` or `or`, or one negated by `not`."""

    operator: Literal["and", "or", "not"]
    clauses: tuple[Clause, ...]


Clause = Condition | Compound


@dataclass(frozen=True, slots=True)
class Ordering:
    """One field of ORDER BY; `descending` None where the query does not say."""

    field: str
    descending: bool | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A query; `where` None restricts nothing."""

    where: Clause | None
    order: tuple[Ordering, ...] = ()


def parse(text: str) -> Query:
    """Parse a query; raise `JqlError`."""
    return _Reader(_tokens(text)).query()


def conjuncts(where: Clause | None) -> tuple[Clause, ...]:
    """Return the clauses that must all hold."""
    if where is None:
        return ()
    return where.clauses if isinstance(where, Compound) and where.operator == "and" else (where,)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    at: int
    kind: str

    @property
    def plain(self) -> str:
        return self.text.lower() if self.kind != "quoted" else ""


def _tokens(text: str) -> list[_Token]:
    found, at, text = [], 0, text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise JqlError(f"Error in the JQL Query: The character '{text[at:].lstrip()[:1]}' is not expected here.")
        kind = str(match.lastgroup)
        written = match[kind]
        if kind == "quoted":
            written = re.sub(r"\\(.)", r"\1", written[1:-1])
        elif kind == "word":
            written = re.sub(r"\\(\W)", r"\1", written)
        found.append(_Token(written, match.start(kind), kind))
        at = match.end()
    return found


class _Reader:
    """A recursive descent parser; NOT binds closer than AND, and AND closer than OR."""

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def query(self) -> Query:
        where = None if self._is("order") or self._peek() is None else self._joined("or", self._all_of)
        order = self._ordering() if self._took("order") else ()
        if self._peek() is not None:
            raise self._wrong("AND, OR or the end of the query")
        return Query(where, order)

    def _all_of(self) -> Clause:
        return self._joined("and", self._negated)

    def _joined(self, operator: Literal["and", "or"], parse_clause: Callable[[], Clause]) -> Clause:
        clauses = [parse_clause()]
        while (token := self._peek()) is not None and _JOINING.get(token.plain) == operator:
            self._at += 1
            clauses.append(parse_clause())
        return clauses[0] if len(clauses) == 1 else Compound(operator, tuple(clauses))

    def _negated(self) -> Clause:
        if self._took("not") or self._took("!"):
            return Compound("not", (self._negated(),))
        if self._took("("):
            inside = self._joined("or", self._all_of)
            self._need(")")
            return inside
        return self._condition()

    def _condition(self) -> Clause:
        field = self._name("a field")
        operator = self._operator()
        if operator in ("in", "not in"):
            listed = self._is("(")  # else a function that gives a list
            operands = self._list() if listed else (self._operand(),)
            return Condition(field=field, operator=operator, operands=operands, listed=listed)
        return Condition(field=field, operator=operator, operands=(self._operand(),))

    def _operator(self) -> str:
        token = self._peek()
        if token is not None and token.kind == "sign" and token.text in _SIGNS:
            self._at += 1
            return token.text
        if self._took("in"):
            return "in"
        if self._took("not"):
            self._need("in")
            return "not in"
        if self._took("is"):
            return "is not" if self._took("not") else "is"
        raise self._wrong("an operator")

    def _list(self) -> tuple[Operand, ...]:
        self._need("(")
        operands = [self._operand()]
        while self._took(","):
            operands.append(self._operand())
        self._need(")")
        return tuple(operands)

    def _operand(self) -> Operand:
        token = self._peek()
        if token is not None and token.plain in _EMPTY:
            self._at += 1
            return Empty()
        text = self._name("a value")
        if token is not None and token.kind == "word" and self._took("("):
            arguments = []
            while not self._took(")"):
                arguments.append(self._name("an argument"))
                if not self._is(")"):
                    self._need(",")
            return Function(text, tuple(arguments))
        return Value(text, token is not None and token.kind == "quoted")

    def _ordering(self) -> tuple[Ordering, ...]:
        self._need("by")
        order = [self._ordered()]
        while self._took(","):
            order.append(self._ordered())
        return tuple(order)

    def _ordered(self) -> Ordering:
        field = self._name("a field")
        if self._took("desc"):
            return Ordering(field, descending=True)
        return Ordering(field, descending=False if self._took("asc") else None)

    def _name(self, what: str) -> str:
        token = self._peek()
        if token is None or token.kind == "sign" or token.plain in _RESERVED:
            raise self._wrong(what)
        self._at += 1
        return token.text

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _is(self, text: str) -> bool:
        token = self._peek()
        return token is not None and token.plain == text

    def _took(self, text: str) -> bool:
        found = self._is(text)
        self._at += found
        return found

    def _need(self, text: str) -> None:
        if not self._took(text):
            raise self._wrong(f"'{text}'")

    def _wrong(self, expected: str) -> JqlError:
        token = self._peek()
        if token is None:
            return JqlError(f"Error in the JQL Query: Expecting {expected} before the end of the query.")
        where = f"(line 1, character {token.at + 1})"
        return JqlError(f"Error in the JQL Query: Expecting {expected} but got '{token.text}'. {where}")
