"""Text of our comment on a Jira issue: Atlassian Document Format (ADF) on Cloud, wiki markup on Data Center.

https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/
https://jira.atlassian.com/secure/WikiRendererHelpAction.jspa?section=all
"""

import re
from collections.abc import Sequence
from typing import Any

from sync_service.domain.trackers.write_back import Note, ServedKeyResult

MOST_LINES = 50
"""Key results listed on one issue; a comment has at most 32,767 characters."""

_LONGEST = 150
_BREAK = "\u200b"
_ESCAPABLE = re.compile(r"([]!^~+?%{}()*_|@[-])")
"""Characters that Data Center's renderer shows as they are after a backslash."""

_UNESCAPABLE = re.compile(r"([:;\\]|(?<=\bwww)\.)", re.IGNORECASE)

_NOTHING = "This counts toward no key result any more."
_COMMENT_STOPPED = "The links of this issue say what it counts toward; this comment is no longer updated."
_FOOT = ("Kept up to date by ", ": edited in place, at most once an hour while only numbers change.")


def document(note: Note | None, *, home: str) -> dict[str, Any]:
    """Return the key results an issue serves as an ADF document; without a note, a text that refers to its links.

    `home` is our URL, with the owner marker by which we find the comment again.
    """
    listed = [
        _node("listItem", _node("paragraph", _text(_name(one), to=one.url), _text(f" {_state_text(one)}")))
        for one in _serves(note)
    ]
    items = [_node("bulletList", *listed)] if listed else []
    more = [_node("paragraph", _text(line)) for line in _more(note)]
    foot = _node("paragraph", _text(_FOOT[0]), _text("OKR Sync", to=home), _text(_FOOT[1]))
    return {"type": "doc", "version": 1, "content": [_node("paragraph", _text(_head(note))), *items, *more, foot]}


def wiki(note: Note | None, *, home: str) -> str:
    """Return the same text in wiki markup."""
    items = [f"* [{escaped(_name(one))}|{_address(one.url)}] {escaped(_state_text(one))}" for one in _serves(note)]
    blocks = [_head(note), "\n".join(items), *_more(note), f"{_FOOT[0]}[OKR Sync|{_address(home)}]{_FOOT[1]}"]
    return "\n\n".join(block for block in blocks if block)


def escaped(text: str) -> str:
    """Escape a text so that wiki markup shows it as it is: no macro, mention, link, picture or emoticon.

    A zero-width space follows what has no escape.
    """
    return _ESCAPABLE.sub(r"\\\1", _UNESCAPABLE.sub(rf"\1{_BREAK}", text))


def _serves(note: Note | None) -> Sequence[ServedKeyResult]:
    return note.key_results[:MOST_LINES] if note else ()


def _head(note: Note | None) -> str:
    if note is None:
        return _COMMENT_STOPPED
    if not note.key_results:
        return _NOTHING
    count = len(note.key_results)
    return f"This counts toward {'a key result' if count == 1 else f'{count} key results'}:"


def _more(note: Note | None) -> Sequence[str]:
    left_out = len(note.key_results) - MOST_LINES if note else 0
    return [f"and {left_out} more."] if left_out > 0 else []


def _name(one: ServedKeyResult) -> str:
    return _clipped(f"{one.slug} {one.title}")


def _state_text(one: ServedKeyResult) -> str:
    return _clipped(f"{one.progress} ({one.value_of_target}), {one.status} · {one.objective}{_closing(one)}")


def _closing(one: ServedKeyResult) -> str:
    return f" · {one.closing}" if one.closing else ""


def _clipped(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _node(kind: str, *content: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "content": list(content)}


def _text(text: str, *, to: str = "") -> dict[str, Any]:
    marks = {"marks": [{"type": "link", "attrs": {"href": to}}]} if to else {}
    return {"type": "text", "text": text, **marks}


def _address(url: str) -> str:
    """Escape a URL so that nothing in it ends the link."""
    return url.replace("|", "%7C").replace("]", "%5D").replace("[", "%5B").replace(" ", "%20")
