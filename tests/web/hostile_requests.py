"""Hostile requests: addresses, queries, form fields and bodies that no browser sends, to every route."""

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes, urlencode

from flask import Flask, Request
from werkzeug.datastructures import Headers, ImmutableMultiDict
from werkzeug.routing import Rule
from werkzeug.test import EnvironBuilder

from tests.support.run_scope import ALL

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
FORM, JSON = "application/x-www-form-urlencoded", "application/json"

FIRST = {"slug": "KR-1", "kind": "github", "method": "token", "token": "x", "name": "index.css", "filename": "okr.css"}
"""Path arguments that lead somewhere; numbers are 1."""

SLUGS = {"/connections/": "acme-github", "/rules/": "network", "/objectives/": "fast-checkout", "/teams/": "checkout"}
"""The slugs of other things than key results, by the beginning of their addresses."""

SEGMENTS = ("%ED%A0%80", "%FF", "a%00b", "%0D%0AX-Injected:%201", "%F0%9D%94%84", "x" * 3000, "..%2F..%2Fetc")
NUMBERS = ("0", "9223372036854775807", "9223372036854775808", "9" * 400)

HUGE = "0x" + "f" * 5000
VALUES = (
    "a\x00b",
    "\ud800",
    "9" * 5000,
    "-1",
    "1e999",
    "\r\nX-Injected: 1",
    "http://[::1",
    "https://\u2488com:99999/",
    "\U0001d504\u202e\u2028" * 100,
    "",
)
"""Hostile values of fields and query parameters."""

CONDITIONS = (
    "{field: labels, has: " + HUGE + "}",
    "{" + HUGE + ": [{field: title, is: x}]}",
    '{"\\ud800": [{field: labels, has: "\\ud800"}]}',
    '{field: labels, has: "\\ud800"}',
    "{? [a]: b, 2026-99-99: .inf}",
    "9" * 5000,
)
"""Hostile conditions of rules."""

MOST_FORMS = 50 if ALL else 4
"""About how many forms a route gets."""

BODIES: tuple[tuple[bytes, str], ...] = (
    (b"%ED%A0%80=%FF&a[]=1&=&&&a=%", FORM),
    (b"\xff\xfe" * 50, FORM + "; charset=utf-16"),
    (b'--x\r\nContent-Disposition: form-data; name="a"; filename="\xff"\r\n\r\n', "multipart/form-data; boundary=x"),
    (b"x", "multipart/form-data"),
    (b"[" * 20_000, JSON),
    (b'{"value": 1e999, "confidence": "\\ud800", "note": "\\u0000"}', JSON),
    (b"", ""),
)
READ: set[str] = set()
"""The names of the form fields and parameters that were read since the set was last cleared."""


class RecordedFields(ImmutableMultiDict[str, Any]):
    """Form fields or query parameters that record which ones are read."""

    def get(self, key: Any, *arguments: Any, **options: Any) -> Any:
        """Return a value."""
        READ.add(key)
        return super().get(key, *arguments, **options)

    def getlist(self, key: Any, *arguments: Any, **options: Any) -> Any:
        """Return the values."""
        READ.add(key)
        return super().getlist(key, *arguments, **options)


class RecordedRequest(Request):
    """A request whose fields record which ones are read."""

    parameter_storage_class = RecordedFields


class BrokenStream(io.RawIOBase):
    """A body that breaks while it is read, as a malformed chunk does in a server."""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, _buffer: object) -> NoReturn:
        """Raise an error of the server's own."""
        raise RuntimeError("invalid chunk size")


BROKEN = {"wsgi.input": BrokenStream(), "wsgi.input_terminated": True}


@dataclass(slots=True)
class Attack:
    """Sends requests with the headers of every role, and keeps those that were answered with a server error."""

    app: Flask
    headers: dict[str, dict[str, str]]
    valid: dict[str, str]
    sent: int = 0
    failures: list[str] = field(default_factory=list)

    def send(
        self, method: str, path: str, role: str, body: bytes = b"", content_type: str = "", **environ: Any
    ) -> None:
        """Send one request as a server passes it on."""
        self.sent += 1
        segments, _, query = path.partition("?")
        built = EnvironBuilder(
            method=method, headers=Headers(self.headers[role]), input_stream=io.BytesIO(body)
        ).get_environ()
        built |= {"PATH_INFO": unquote_to_bytes(segments).decode("latin-1"), "QUERY_STRING": query}
        built |= {"CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": content_type, **environ}
        statuses: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
            statuses.append(status)
            assert not any("\n" in value or "\r" in value for _, value in headers)

        answer = self.app.wsgi_app(built, start)  # type: ignore[arg-type]  # `write` is never called
        for _ in answer:
            pass
        getattr(answer, "close", lambda: None)()
        if statuses[-1] >= "5":
            self.failures.append(f"{role}: {method} {path[:90]} {body[:90]!r} {content_type}: {statuses[-1]}")

    def send_all(self, rule: Rule) -> None:
        """Send every method in every role, then hostile addresses, bodies, queries and fields.

        A method that the route does not take is refused before anything is read: without `TESTS=all` it is sent once.
        """
        first, *others = addresses(rule)
        for role, method in product(self.headers, METHODS):
            if role == "nobody" or method in (rule.methods or ()) or (ALL and role == "admin"):
                self.send(method, first, role, b"x=1", FORM)
        for role, address in product(("nobody", "admin"), others):
            self.send("GET", address, role)
            if ALL or "POST" in (rule.methods or ()):
                self.send("POST", address, role, b"", FORM)
        for method in {"POST", "PUT", "PATCH", "DELETE"} & (rule.methods or set()):
            for body, content_type in BODIES:
                self.send(method, first, "admin", body, content_type)
            self.send(method, first, "admin", b"x", FORM, **BROKEN)
            for form in self.forms(method, first):
                self.send(method, first, "admin", form, FORM)
        if "GET" in (rule.methods or ()):
            for query in self.queries(first):
                self.send("GET", f"{first}?{query}", "admin")

    def forms(self, method: str, address: str) -> Iterator[bytes]:
        """Yield forms that are valid but for one field that the route reads."""
        READ.clear()
        self.send(method, address, "admin", encoded(self.valid), FORM)
        for name, value in some(product(sorted(READ), VALUES)):
            yield encoded({**self.valid, name: value})
        for value in CONDITIONS if "text" in READ else ():
            yield encoded({**self.valid, "mode": "text", "text": value})

    def queries(self, address: str) -> Iterator[str]:
        """Yield queries with a hostile value of one parameter that the route reads."""
        READ.clear()
        self.send("GET", address, "admin")
        for name, value in some(product(sorted(READ), VALUES)):
            yield encoded({name: value}).decode()
        yield "%ED%A0%80=%FF&limit[]=1&;&=%"


def some(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return all pairs, or every third or so of many: pages share what reads their fields."""
    listed = list(pairs)
    return listed[:: 1 + len(listed) // MOST_FORMS]


def encoded(fields: dict[str, str]) -> bytes:
    """Return a form; half characters stay as they are."""
    return urlencode(fields, errors="surrogatepass").encode()


def addresses(rule: Rule) -> Iterator[str]:
    """Yield the addresses of a route: one that leads somewhere, then hostile ones."""
    slug = next((one for beginning, one in SLUGS.items() if rule.rule.startswith(beginning)), FIRST["slug"])
    known = dict.fromkeys(rule.arguments, "1") | FIRST | {"slug": slug}
    yield _filled(rule, known)
    for name in sorted(rule.arguments):
        for value in NUMBERS if f"int:{name}" in rule.rule else SEGMENTS:
            yield _filled(rule, known | {name: value})


def _filled(rule: Rule, values: dict[str, str]) -> str:
    return re.sub(r"<(?:[^:>]*:)?(\w+)>", lambda found: values[found[1]], rule.rule)
