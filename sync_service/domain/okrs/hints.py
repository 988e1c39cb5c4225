"""Hints on the quality of objectives and key results while somebody writes them. They never prevent saving.

An objective says what shall be better; a key result says by which number one knows.
"""

import re
from collections.abc import Iterator

from sync_service.domain.text import folded

MOST_KEY_RESULTS = 5
"""More key results than these are hard to keep in mind."""

_TASKS = (
    "add analyse analyze begin build buy clean close complete conduct configure create define deliver "
    "deploy design develop do document draft execute finish fix hire implement install introduce "
    "investigate launch make migrate organise organize plan prepare publish refactor release remove "
    "replace research roll run set ship start upgrade write "
)
TASK_WORDS = frozenset(_TASKS.split())
"""First words of what reads like a task."""

VAGUE_TIMES = ("asap", "as soon as possible", "soon", "later", "regularly", "some day", "in the future", "eventually")
"""Times that nobody can check."""

_WORD = re.compile(r"[^\W\d_]+")


def key_result_hints(title: str, *, counts_itself: bool) -> Iterator[str]:
    """Yield hints on a key result's title. `counts_itself`: its measure has a number that nobody needs to write."""
    words = folded(title)
    if not words.strip():
        return
    if not any(character.isdigit() for character in words) and not counts_itself:
        yield "The title has no number. By which number will you know that it is reached?"
    yield from _vague(words)
    yield from _task(words)


def objective_hints(title: str, key_results: int) -> Iterator[str]:
    """Yield hints on an objective with so many key results."""
    words = folded(title)
    if words.strip() and any(character.isdigit() for character in words):
        yield "The title has a number. An objective says what shall be better; numbers belong to its key results."
    yield from _vague(words)
    yield from _task(words)
    if key_results > MOST_KEY_RESULTS:
        yield f"It has {key_results} key results. More than {MOST_KEY_RESULTS} are hard to keep in mind."


def _vague(words: str) -> Iterator[str]:
    for time in VAGUE_TIMES:
        if re.search(rf"\b{re.escape(time)}\b", words):
            yield f"“{time}” is no date. Without a date in the title, the last day of the cycle counts."
            return


def _task(words: str) -> Iterator[str]:
    first = _WORD.search(words)
    if first and first.group() in TASK_WORDS:
        yield f"“{first.group()} …” reads like a task. What will be different for somebody when it is done?"
