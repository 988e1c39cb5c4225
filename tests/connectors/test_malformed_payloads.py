"""Malformed deliveries: a connector raises only `Rejected`, or returns values that a database can store."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_service.domain.trackers.connector import Rejected, WebhookRequest
from tests.connectors.contract_payloads import (
    PAYLOADS,
    assert_has_words,
    connector_of,
    kinds,
    read_if_possible,
)
from tests.support.run_scope import ALL

# Written as JSON text, because Python has no value for some of it.
ODD_VALUES = (
    "null", "true", "-1", "0", "1e999", "9" * 400, '""', '"\\u0000"', '"\\ud800 lone"', '"' + "x" * 5000 + '"',
    '"2026-02-30T00:00:00Z"', '"0001-01-01T00:00:00+14:00"', '"\u202e\u0085"', "[]", "{}", "[[null]]",
    '[{"id": {}}]', '{"id": []}',
)  # fmt: skip

NO_OBJECTS = (
    b"", b"{", b"[]", b"null", b"7", b'"text"', b"\xff\xfe", b"\xef\xbb\xbf{}", b'{"a": NaN}', b"payload=%7B", b"\x00",
    b'{"a": "\x00"}', b'{"a": 1' + b"0" * 5000 + b"}", b"[" * 200_000, b'{"a":' * 200_000,
)  # fmt: skip


@kinds
@pytest.mark.parametrize("body", NO_OBJECTS)
def test_a_body_that_is_no_json_object_is_rejected_with_a_reason(kind: str, body: bytes) -> None:
    """Truncated, deep, binary or of another type: `Rejected`, never another error."""
    for content_type in ("application/json", "application/x-www-form-urlencoded"):
        headers = {**PAYLOADS[kind].issues[0].headers, "content-type": content_type}
        with pytest.raises(Rejected) as caught:
            connector_of(kind).parse_delivery(WebhookRequest(headers, body), PAYLOADS[kind].connection)
        assert_has_words(str(caught.value))


@kinds
@given(body=st.binary(max_size=200))
def test_parsing_any_bytes_raises_nothing_but_rejected(kind: str, body: bytes) -> None:
    """The parser must survive any input."""
    read_if_possible(kind, WebhookRequest(PAYLOADS[kind].issues[0].headers, body))


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to every value of a JSON document."""
    yield path
    for name, bucket in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from paths_in(bucket, (*path, name))


def mutated(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a copy with the value at `path` replaced, or removed if `new` is None."""
    if not path:
        return new
    name, rest = path[0], path[1:]
    copied = value.copy()
    if rest or new is not None:
        copied[name] = mutated(value[name], rest, new)
    else:
        del copied[name]
    return copied


@pytest.mark.slow
@kinds
def test_any_single_malformed_value_is_handled(kind: str) -> None:
    """Each value of each main delivery is removed and replaced by every malformed value."""
    count = 0
    for post in PAYLOADS[kind].issues:
        if "urlencoded" in post.headers["content-type"]:
            continue
        whole = json.loads(post.body)
        for path in paths_in(whole):
            if not path:
                continue
            read_if_possible(kind, WebhookRequest(post.headers, json.dumps(mutated(whole, path, None)).encode()))
            holed = json.dumps(mutated(whole, path, "@odd@"))
            for odd in ODD_VALUES:
                read_if_possible(kind, WebhookRequest(post.headers, holed.replace('"@odd@"', odd).encode()))
                count += 1
    assert count > 1000


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=20)
    | st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.slow
@kinds
@given(choice=st.data())
@settings(max_examples=300 if ALL else 60)
def test_parsing_mutated_deliveries_raises_nothing_but_rejected(kind: str, choice: st.DataObject) -> None:
    """Hypothesis replaces several values at once."""
    post = choice.draw(st.sampled_from([one for one in PAYLOADS[kind].issues if one.body.startswith(b"{")]))
    payload: Any = json.loads(post.body)
    for _ in range(choice.draw(st.integers(1, 4))):
        path = choice.draw(st.sampled_from([path for path in paths_in(payload) if path] or [("action",)]))
        if isinstance(payload, dict) and payload:
            payload = mutated(payload, path, choice.draw(JSON_VALUES))
    read_if_possible(kind, WebhookRequest(post.headers, json.dumps(payload).encode()))


@kinds
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"a": [' + b"[]," * 400_000 + b"1]}", "values"),
        (b'{"a": [' + b'{"b":{}},' * 300_000 + b"1]}", "values"),
        ('{"a": "🙂'.encode() + b"x" * 9 * 1024 * 1024 + b'"}', "too large for its characters"),
        (rb'{"a": "\ud83d\ude42' + b"x" * 9 * 1024 * 1024 + b'"}', "too large for its characters"),
        ('{"a": "Ж'.encode() + b"x" * 17 * 1024 * 1024 + b'"}', "too large for its characters"),
    ],
    ids=["lists", "objects", "wide characters", "wide escapes", "two bytes"],
)
def test_a_body_that_takes_much_more_memory_than_its_bytes_is_rejected(kind: str, body: bytes, reason: str) -> None:
    """A worker that decoded it would grow to a gigabyte. A long text of commas is no such body."""
    parse = connector_of(kind).parse_delivery
    headers = {**PAYLOADS[kind].issues[0].headers, "content-type": "application/json"}
    with pytest.raises(Rejected, match=reason):
        parse(WebhookRequest(headers, body), PAYLOADS[kind].connection)
