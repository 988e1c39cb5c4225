"""Markdown of our comment on GitHub: escape texts of other people, build the table of key results.

https://docs.github.com/en/get-started/writing-on-github
"""

import re

from sync_service.domain.trackers.write_back import Note, ServedKeyResult

MOST_LINES = 50
"""Key results listed on one issue; a comment has at most 65,536 characters."""

_LONGEST = 150
_BREAK = "\u200b"
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_REFERENCE_CHARS = re.compile(r"([@#:]|(?<=\bwww)\.|(?<=\bgh)-)", re.IGNORECASE)


def escaped(text: str) -> str:
    """Escape a text so that GitHub shows it as it is: no markup, mention, issue reference or link.

    A zero-width space breaks mentions and references: GitHub looks for them after it has read the markup and its
    escapes.
    """
    clipped = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    broken = _REFERENCE_CHARS.sub(rf"\1{_BREAK}", clipped)
    return _PUNCTUATION.sub(r"\\\1", broken)


def hidden_marker(mark: str) -> str:
    """Return the hidden marker of our comments, an HTML comment."""
    return f"<!-- okr-sync:{mark} -->"


def note_markdown(note: Note, mark: str) -> str:
    """Return the comment that lists the key results an issue serves."""
    rows = [_row(one) for one in note.key_results[:MOST_LINES]]
    left_out = len(note.key_results) - len(rows)
    more = [f"\nand {left_out} more."] if left_out > 0 else []
    head = "| Key result | Progress | Status | Objective |\n|---|---|---|---|"
    count = "a key result" if len(note.key_results) == 1 else f"{len(note.key_results)} key results"
    parts = [f"This counts toward {count}:\n", head, *rows, *more, f"\n{_FOOT}", hidden_marker(mark)]
    return "\n".join(parts)


def removed_note_markdown(mark: str) -> str:
    """Return the comment of an issue that serves no key result any more."""
    return f"This counts toward no key result any more.\n\n{_FOOT}\n{hidden_marker(mark)}"


_FOOT = "<sub>Kept up to date by OKR Sync: edited in place, at most once an hour while only numbers move.</sub>"


def _row(one: ServedKeyResult) -> str:
    name = f"[{escaped(f'{one.slug} {one.title}')}]({_address(one.url)})"
    progress = f"{escaped(one.progress)} ({escaped(one.value_of_target)})"
    progress += f"; {escaped(one.closing)}" if one.closing else ""
    return f"| {name} | {progress} | {escaped(one.status)} | {escaped(one.objective)} |"


def _address(url: str) -> str:
    return url.replace("(", "%28").replace(")", "%29").replace("|", "%7C").replace(" ", "%20")
