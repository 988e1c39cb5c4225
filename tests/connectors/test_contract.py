"""What every connector in the registry promises, whatever its tracker.

A new connector adds its letters to `LETTERS`; nothing else here changes.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.registry import connectors
from sync_service.domain.connectors import Connection, Connector, Post, Refused, Rejected
from sync_service.domain.issues import Ignored, Reading, Snapshot
from tests.connectors import github_letters, jira_letters


@dataclass(frozen=True)
class Letters:
    """What the suite needs of one kind of tracker: a connection, its signature, and letters of the main sorts."""

    connection: Connection
    sign: Callable[[Post, str], Post]
    issues: tuple[Post, ...]
    ignored: Post
    id_header: str
    key: str


LETTERS = {
    "github": Letters(
        connection=github_letters.CONNECTION,
        sign=github_letters.signed,
        issues=(
            github_letters.letter("issues", "edited", issue=github_letters.issue()),
            github_letters.letter("pull_request", "closed", pull_request=github_letters.merged()),
            github_letters.as_form(github_letters.letter("issues", "closed", issue=github_letters.closed("completed"))),
        ),
        ignored=github_letters.letter("ping", zen="Keep it simple."),
        id_header="x-github-delivery",
        key="acme/checkout#12",
    ),
    "jira": Letters(
        connection=jira_letters.connection("token", email="ana@example.com", points_field="Story Points"),
        sign=jira_letters.signed,
        issues=(
            jira_letters.letter("jira:issue_created", issue=jira_letters.issue()),
            jira_letters.letter(
                "jira:issue_updated",
                issue=jira_letters.done(),
                items=[jira_letters.item("Epic Link", to="20001", toString="SHOP-1")],
            ),
        ),
        ignored=jira_letters.letter("comment_created", comment={"id": "1"}),
        id_header="x-atlassian-webhook-identifier",
        key="SHOP-12",
    ),
}

CONNECTORS = connectors()

KINDS = sorted(CONNECTORS)

# Written as JSON text, since some of it no Python value can spell.
ODD_VALUES = (
    "null", "true", "-1", "0", "1e999", "9" * 400, '""', '"\\u0000"', '"\\ud800 lone"', '"' + "x" * 5000 + '"',
    '"2026-02-30T00:00:00Z"', '"0001-01-01T00:00:00+14:00"', '"\u202e\u0085"', "[]", "{}", "[[null]]",
    '[{"id": {}}]', '{"id": []}',
)  # fmt: skip

NO_OBJECTS = (
    b"", b"{", b"[]", b"null", b"7", b'"text"', b"\xff\xfe", b"\xef\xbb\xbf{}", b'{"a": NaN}', b"payload=%7B", b"\x00",
    b'{"a": "\x00"}', b'{"a": 1' + b"0" * 5000 + b"}", b"[" * 200_000, b'{"a":' * 200_000,
)  # fmt: skip


def kinds(test: Any) -> Any:
    """Run a test once for each connector."""
    return pytest.mark.parametrize("kind", KINDS)(test)


def connector_of(kind: str) -> Connector:
    """Give the connector of that kind as the service would."""
    return CONNECTORS[kind]


def texts_in(value: Any) -> Iterator[str]:
    """Give every text anywhere in a reading."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from texts_in(name)
            yield from texts_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts_in(part)


def assert_storable(reading: Reading) -> None:
    """Hold a reading to what a database can keep: no NUL, no lone surrogate, nothing endless."""
    assert reading.observations
    for text in texts_in(asdict(reading)):
        assert "\x00" not in text
        assert len(text) <= 2000
        text.encode()
    for seen in reading.observations:
        if isinstance(seen, Snapshot):
            assert seen.updated_at.tzinfo is not None
            assert len(seen.title) <= 300


def read_if_possible(kind: str, post: Post) -> Reading | None:
    """Read a letter, where the only trouble may be `Rejected`; anything else fails the test."""
    try:
        reading = connector_of(kind).read(post, LETTERS[kind].connection)
    except Rejected as error:
        assert_has_words(str(error))
        return None
    assert_storable(reading)
    return reading


def assert_has_words(reason: str) -> None:
    """Hold a reason to what people can read: some words, not a page, no control characters."""
    assert 5 < len(reason) < 600
    reason.encode()
    assert "\x00" not in reason


@kinds
def test_a_connector_says_what_it_is(kind: str) -> None:
    """Kind, title, options and headers are filled in and hold no secret."""
    connector = connector_of(kind)
    assert connector.kind == kind
    assert connector.title
    assert all(option.name.isidentifier() and option.help for option in connector.options)
    assert all(header == header.lower() for header in connector.kept_headers)
    assert not any(re.search("sign|secret|auth|cookie", header) for header in connector.kept_headers)


@kinds
def test_a_signed_letter_is_verified_under_any_of_several_secrets(kind: str) -> None:
    """While a secret is changed, the old and the new one both count."""
    letters = LETTERS[kind]
    for post in (*letters.issues, letters.ignored):
        signed = letters.sign(post, "new secret")
        assert connector_of(kind).verify(signed, ["old secret", "new secret"])
        assert connector_of(kind).verify(signed, ["new secret", "old secret"])


@kinds
def test_verification_fails_closed(kind: str) -> None:
    """No secret, another secret, an empty one, no signature, an altered body: none passes."""
    connector, letters = connector_of(kind), LETTERS[kind]
    post = letters.issues[0]
    signed = letters.sign(post, "secret")
    assert not connector.verify(signed, [])
    assert not connector.verify(signed, ["other"])
    assert not connector.verify(post, ["secret"])
    assert not connector.verify(Post(signed.headers, signed.body + b" "), ["secret"])
    for blank in ("", "  ", "\n"):
        assert not connector.verify(letters.sign(post, blank), [blank])


@kinds
def test_verification_takes_any_signature_without_failing(kind: str) -> None:
    """Whatever stands in the signature's header, the answer is no."""
    connector, letters = connector_of(kind), LETTERS[kind]
    signed = letters.sign(letters.issues[0], "secret")
    (header,) = set(signed.headers) - set(letters.issues[0].headers)
    right = signed.headers[header]
    wrong = ["", "sha256=", "sha256", "=", right[:-1], right + "0", right.upper(), right.removeprefix("sha256="),
             "sha1=" + right.removeprefix("sha256="), "sha256=é", "sha256=\ud800", f"{right},{right}"]  # fmt: skip
    for value in wrong:
        assert not connector.verify(Post({**signed.headers, header: value}, signed.body), ["secret"])


@kinds
def test_a_repeated_delivery_has_the_same_id_and_another_has_another(kind: str) -> None:
    """The tracker's own id is kept; without one, the body's hash tells repeats apart from news."""
    connector, letters = connector_of(kind), LETTERS[kind]
    post = letters.issues[0]
    assert connector.delivery_id(post) == post.headers[letters.id_header]
    without = {name: value for name, value in post.headers.items() if name != letters.id_header}
    unnamed = connector.delivery_id(Post(without, post.body))
    assert unnamed == connector.delivery_id(Post(without, post.body))
    assert unnamed.startswith("sha256:")
    assert unnamed != connector.delivery_id(Post(without, letters.issues[1].body))


@kinds
@pytest.mark.parametrize("given_id", ["", "x" * 201, "a\x00b", "a\nb", "a b", "é", "\ud800"])
def test_an_id_unfit_to_keep_gives_way_to_the_hash_of_the_body(kind: str, given_id: str) -> None:
    """Ids come from outside the signature, so none of them may harm a row."""
    letters = LETTERS[kind]
    post = Post({**letters.issues[0].headers, letters.id_header: given_id}, letters.issues[0].body)
    assert connector_of(kind).delivery_id(post).startswith("sha256:")


@kinds
def test_letters_about_issues_give_snapshots_and_others_say_why_not(kind: str) -> None:
    """Each main letter is read whole; an ignored one completes the sentence "ignored, because …"."""
    connector, letters = connector_of(kind), LETTERS[kind]
    for post in letters.issues:
        assert any(isinstance(seen, Snapshot) for seen in connector.read(post, letters.connection).observations)
    (ignored,) = connector.read(letters.ignored, letters.connection).observations
    assert isinstance(ignored, Ignored)
    assert_has_words(ignored.reason)


@kinds
def test_reading_is_repeatable(kind: str) -> None:
    """The same letter always says the same."""
    connector, letters = connector_of(kind), LETTERS[kind]
    for post in letters.issues:
        assert connector.read(post, letters.connection) == connector.read(post, letters.connection)


@kinds
@pytest.mark.parametrize("body", NO_OBJECTS)
def test_a_body_that_is_no_json_object_is_rejected_with_a_reason(kind: str, body: bytes) -> None:
    """Truncated, deep, binary or merely odd: `Rejected`, never another error."""
    for content_type in ("application/json", "application/x-www-form-urlencoded"):
        headers = {**LETTERS[kind].issues[0].headers, "content-type": content_type}
        with pytest.raises(Rejected) as caught:
            connector_of(kind).read(Post(headers, body), LETTERS[kind].connection)
        assert_has_words(str(caught.value))


@kinds
@given(body=st.binary(max_size=200))
def test_reading_any_bytes_raises_nothing_but_rejected(kind: str, body: bytes) -> None:
    """Bytes of any sort leave the reader standing."""
    read_if_possible(kind, Post(LETTERS[kind].issues[0].headers, body))


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the path to every part of a JSON value."""
    yield path
    for name, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths_in(part, (*path, name))


def mangled(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Give a copy with the part at `path` replaced, or left out where `new` is None."""
    if not path:
        return new
    name, rest = path[0], path[1:]
    copied = value.copy()
    if rest or new is not None:
        copied[name] = mangled(value[name], rest, new)
    else:
        del copied[name]
    return copied


@kinds
def test_no_single_odd_value_anywhere_does_harm(kind: str) -> None:
    """Every part of every main letter is in turn left out and replaced by every odd value."""
    count = 0
    for post in LETTERS[kind].issues:
        if "urlencoded" in post.headers["content-type"]:
            continue
        whole = json.loads(post.body)
        for path in paths_in(whole):
            if not path:
                continue
            read_if_possible(kind, Post(post.headers, json.dumps(mangled(whole, path, None)).encode()))
            holed = json.dumps(mangled(whole, path, "@odd@"))
            for odd in ODD_VALUES:
                read_if_possible(kind, Post(post.headers, holed.replace('"@odd@"', odd).encode()))
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


@kinds
@given(choice=st.data())
@settings(max_examples=300)
def test_reading_mangled_letters_raises_nothing_but_rejected(kind: str, choice: st.DataObject) -> None:
    """Several parts at once are replaced by whatever Hypothesis thinks of."""
    post = choice.draw(st.sampled_from([one for one in LETTERS[kind].issues if one.body.startswith(b"{")]))
    payload: Any = json.loads(post.body)
    for _ in range(choice.draw(st.integers(1, 4))):
        path = choice.draw(st.sampled_from([path for path in paths_in(payload) if path] or [("action",)]))
        if isinstance(payload, dict) and payload:
            payload = mangled(payload, path, choice.draw(JSON_VALUES))
    read_if_possible(kind, Post(post.headers, json.dumps(payload).encode()))


@kinds
def test_keys_have_one_canonical_form(kind: str) -> None:
    """A key as letters show it is already canonical, also after stray spaces; nonsense says what is allowed."""
    connector, key = connector_of(kind), LETTERS[kind].key
    assert connector.key_of(key) == key
    assert connector.key_of(f"  {key}\n") == key
    for nonsense in ("", "#", "12", "no key", f"{key} {key}", "x" * 10_000, "../../etc#1", "\x00"):
        with pytest.raises(ValueError, match="write") as caught:
            connector.key_of(nonsense)
        assert len(str(caught.value)) < 300


@kinds
def test_without_a_token_there_is_no_looking(kind: str) -> None:
    """No call goes out without credentials."""
    bare = Connection(slug="bare", site="https://tracker.example", token=None)
    with pytest.raises(Refused, match="no token"):
        connector_of(kind).look(bare, identity="8001#12" if kind == "github" else "20012", key="any")
