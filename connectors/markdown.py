"""CommonMark: the text that people read in a comment or a description, without code and HTML comments.

One parser decides for closing keywords and for commands what is text. Emphasis, links and images stay as written.
https://spec.commonmark.org/current/
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

LONGEST_TEXT = 70_000
"""Characters to read. GitHub allows 65,536."""

_PARSER = MarkdownIt("commonmark", {"maxNesting": 100}).disable(["autolink", "emphasis", "image", "link"])

_TAG = re.compile(r"(<[^<>]*>)")
_NOT_READ = re.compile(r"<(/?)(?:a|code|kbd|pre|samp|script|style|textarea|tt)\b", re.IGNORECASE)
"""HTML elements whose text is code or a link, or is not shown."""

_COMMENT = "<!--", "-->"
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of a block."""

    kind: Literal["text", "code", "tag", "comment", "line end"]
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Block:
    """A paragraph, a heading or a block of HTML.

    `own`: lines of it may be commands. `marked`: its first line begins with a mark, of a list item. `unquoted`: in a
    quote, its lines that do not begin with the quote's mark.
    """

    pieces: Sequence[_Piece]
    own: bool
    marked: bool = False
    unquoted: frozenset[str] | None = None

    def lines(self) -> Iterator[str]:
        """Yield the lines that its author wrote as text; code stays in backticks."""
        if self.own:
            lines = "".join(map(_in_line, self.pieces)).split("\n")
            for line in lines[1:] if self.marked else lines:
                if self.unquoted is None or line.strip() in self.unquoted:
                    yield line


def prose(body: str) -> str:
    """Return the text of a description; a lone backtick stands for each piece that is left out."""
    return "\n\n".join("".join(map(_in_prose, block.pieces)) for block in _blocks(body))


def own_lines(body: str) -> Iterator[str]:
    """Yield the lines of a comment that its author wrote as text.

    Not the lines of headings, quotes and code, and not the first line of a list item: they begin with another mark.
    """
    for block in _blocks(body):
        yield from block.lines()


def _in_prose(piece: _Piece) -> str:
    match piece.kind:
        case "text":
            return piece.text
        case "line end":
            return "\n"
        case _:
            return " ` "  # so that the text before and after is not joined


def _in_line(piece: _Piece) -> str:
    match piece.kind:
        case "line end":
            return "\n"
        case "code":
            return f"`{' '.join(piece.text.split())}`"
        case _:
            return piece.text


def _blocks(body: str) -> Iterator[_Block]:
    text = body[:LONGEST_TEXT]
    source, tokens, quotes = _LINE_END.split(text), _PARSER.parse(text), 0
    for index, token in enumerate(tokens):
        quotes += token.nesting if token.type.startswith("blockquote") else 0
        if token.type == "html_block":
            yield _Block(list(_with_unread(_html(token.content))), own=not quotes)
        elif token.type == "inline":
            opening, before = tokens[index - 1], tokens[index - 2] if index > 1 else None
            yield _Block(
                list(_with_unread(_inline(token))),
                own=not opening.markup.startswith("#"),
                marked=before is not None and before.type == "list_item_open",
                unquoted=_unquoted(token, source) if quotes else None,
            )


def _unquoted(token: Token, source: Sequence[str]) -> frozenset[str]:
    """Return the lines of a quoted paragraph that continue it without the quote's mark."""
    first, after = token.map or (0, 0)
    lines = (line.strip() for line in source[first:after])
    return frozenset(line for line in lines if not line.startswith(">"))


def _inline(token: Token) -> Iterator[_Piece]:
    """Yield the pieces of a paragraph or heading."""
    for one in token.children or ():
        match one.type:
            case "text" | "text_special":
                yield _Piece("text", one.content)
            case "code_inline":
                yield _Piece("code", one.content)
            case "softbreak" | "hardbreak":
                yield _Piece("line end")
            case _:
                yield from _html(one.content)


def _html(content: str) -> Iterator[_Piece]:
    """Yield the pieces of HTML: comments, tags, and the text between them."""
    begins, ends = _COMMENT
    while content:
        before, comment, content = content.partition(begins)
        for piece in _TAG.split(before):
            yield from _text_pieces(piece) if not _TAG.fullmatch(piece) else (_Piece("tag", piece),)
        if comment:
            _, _, content = content.partition(ends)
            yield _Piece("comment")


def _text_pieces(text: str) -> Iterator[_Piece]:
    for index, line in enumerate(text.split("\n")):
        if index:
            yield _Piece("line end")
        if line:
            yield _Piece("text", line)


def _with_unread(pieces: Iterator[_Piece]) -> Iterator[_Piece]:
    """Turn the text inside elements such as `<code>` into code."""
    depth = 0
    for piece in pieces:
        if piece.kind == "tag" and (found := _NOT_READ.match(piece.text)):
            depth = max(0, depth - 1 if found[1] else depth + 1)
        yield _Piece("code", piece.text) if depth and piece.kind == "text" else piece
