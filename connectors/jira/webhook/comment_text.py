"""Extract the plain text lines of a comment, without code and quotes, from wiki markup or a document (ADF).

Webhooks send comments in wiki markup, REST version 3 as documents.
https://jira.atlassian.com/secure/WikiRendererHelpAction.jspa?section=all
https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/
"""

import re
from collections.abc import Iterator

from connectors.json_fields import Json, json_object, json_objects

_MACRO = re.compile(r"(?<!\\)\{(code|noformat|quote)(?:[:=|][^}\n]{0,200})?\}")
_ESCAPED = re.compile(r"\\([^\w\s])")

_HOLD_TEXT = frozenset({"doc", "panel", "expand", "nestedExpand", "layoutSection", "layoutColumn"})
"""Nodes whose paragraphs are plain text. Not lists, tables, headings: in wiki markup their lines begin with marks."""

_DEEPEST = 10


def plain_lines(body: object) -> Iterator[str]:
    """Yield the lines of a comment's body, text or document; nothing for any other value."""
    if isinstance(body, str):
        yield from _wiki_lines(body)
    else:
        yield from _node_lines(json_object(body), _DEEPEST)


def _wiki_lines(body: str) -> Iterator[str]:
    """Skip code, noformat and quote blocks; an unclosed block ends with the text."""
    outside, block, begins = [], "", 0
    for found in _MACRO.finditer(body):
        if not block:
            outside.append(body[begins : found.start()])
            block = found[1]
        elif found[1] == block:
            block, begins = "", found.end()
    if not block:
        outside.append(body[begins:])
    # A block also ends the line before it and starts a new one after it.
    for line in "\n".join(outside).replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        yield _ESCAPED.sub(r"\1", line.strip())


def _node_lines(node: Json, depth: int) -> Iterator[str]:
    if node.get("type") == "paragraph":
        yield from "".join(map(_inline, json_objects(node.get("content")))).split("\n")
    elif node.get("type") in _HOLD_TEXT and depth:
        for one in json_objects(node.get("content")):
            yield from _node_lines(one, depth - 1)


def _inline(node: Json) -> str:
    match node.get("type"):
        case "text":
            marks = [mark.get("type") for mark in json_objects(node.get("marks"))]
            written = node.get("text")
            text = written if isinstance(written, str) else ""
            return f"`{text}`" if "code" in marks else text
        case "hardBreak":
            return "\n"
        case _:
            # A mention, an emoji, a card: its displayed text, which is no command.
            shown = json_object(node.get("attrs")).get("text")
            return shown if isinstance(shown, str) else " "
