"""The lines of a comment that people read as text, of both of Jira's formats: no code and no quotes.

Webhooks write comments in wiki markup, REST version 3 as documents.
https://jira.atlassian.com/secure/WikiRendererHelpAction.jspa?section=all
https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/
"""

import re
from collections.abc import Iterator

from connectors.fields import Json, rows, table

_MACRO = re.compile(r"(?<!\\)\{(code|noformat|quote)(?:[:=|][^}\n]{0,200})?\}")
_ESCAPED = re.compile(r"\\([^\w\s])")

_HOLD_TEXT = frozenset({"doc", "panel", "expand", "nestedExpand", "layoutSection", "layoutColumn"})
"""Nodes whose paragraphs are plain text. Lists, tables and headings have marks before it in wiki markup too."""

_DEEPEST = 10


def spoken(body: object) -> Iterator[str]:
    """Give the lines of a comment's body, text or document; none of anything else."""
    if isinstance(body, str):
        yield from _of_wiki(body)
    else:
        yield from _of_node(table(body), _DEEPEST)


def _of_wiki(body: str) -> Iterator[str]:
    """Leave out blocks; one that is not closed goes to the end."""
    kept, block, begins = [], "", 0
    for found in _MACRO.finditer(body):
        if not block:
            kept.append(body[begins : found.start()])
            block = found[1]
        elif found[1] == block:
            block, begins = "", found.end()
    if not block:
        kept.append(body[begins:])
    # What is around a block is on lines of its own.
    for line in "\n".join(kept).replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        yield _ESCAPED.sub(r"\1", line.strip())


def _of_node(node: Json, depth: int) -> Iterator[str]:
    if node.get("type") == "paragraph":
        yield from "".join(map(_inline, rows(node.get("content")))).split("\n")
    elif node.get("type") in _HOLD_TEXT and depth:
        for one in rows(node.get("content")):
            yield from _of_node(one, depth - 1)


def _inline(node: Json) -> str:
    match node.get("type"):
        case "text":
            marks = {mark.get("type") for mark in rows(node.get("marks"))}
            written = node.get("text")
            text = written if isinstance(written, str) else ""
            return f"`{text}`" if "code" in marks else text
        case "hardBreak":
            return "\n"
        case _:
            # A mention, an emoji, a card: what it is shown as, which is no command.
            shown = table(node.get("attrs")).get("text")
            return shown if isinstance(shown, str) else " "
