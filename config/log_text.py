"""Make log lines safe: no control characters of other people's texts, and no token that still works.

A text with a line break would forge a log line, one with an escape sequence would act on the terminal that shows it.
"""

import re
import textwrap
import traceback
from typing import Any, TextIO

from structlog.typing import EventDict, ExcInfo, WrappedLogger

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LINES = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_TOKEN_IN_ADDRESS = re.compile(r"(/sign-in/|/first-admin/|[?&](?:code|state|token|sig)=)[^\s&\"'?#\\]+")


def escaped(text: str) -> str:
    """Return a text whose control characters, direction marks and half characters are written as escapes."""
    return _UNSAFE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode("ascii")


def escape_fields(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Escape every text of a line before it is rendered."""
    return {name: escaped(value) if isinstance(value, str) else value for name, value in line.items()}


def escape_line(_logger: WrappedLogger, _method: str, line: Any) -> str:
    """Escape what is left in a rendered line, such as texts inside lists; a traceback keeps its line breaks."""
    return _LINES.sub(_escape, line)


def cut_out_tokens(_logger: WrappedLogger, _method: str, line: Any) -> str:
    """Remove the tokens of sign-in links and of the first admin's link, and codes of OAuth redirects, from a line."""
    return _TOKEN_IN_ADDRESS.sub(r"\1…", line)


def write_traceback(stream: TextIO, error: ExcInfo) -> None:
    """Write a plain traceback, indented, so that no line of an error's message looks like a log line.

    Rich tracebacks print local variables, which may be secrets.
    """
    text = "".join(traceback.format_exception(*error)).rstrip("\n")
    stream.write("\n" + textwrap.indent(_LINES.sub(_escape, text), "  "))
