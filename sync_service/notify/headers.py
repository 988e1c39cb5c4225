"""Write the values of mail headers so that every mail program reads the same text back.

A text is either plain ASCII, folded at single spaces, or encoded words throughout, never a mixture: programs disagree
on the spaces between plain and encoded text, and Python 3.11 loses some. https://www.rfc-editor.org/rfc/rfc2047
"""

import re
import textwrap
from collections.abc import Iterator
from email.charset import SHORTEST, Charset
from itertools import chain, repeat

FOLD = "\r\n "
LONGEST_LINE = 76

_WORDS = re.compile(r"[!-~]+(?: [!-~]+)*")
_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")

_CHARSET = Charset("utf-8")
_CHARSET.header_encoding = SHORTEST


def text_value(name: str, text: str) -> str:
    """Return the value of a header that is a text, such as `Subject`, folded. Raise `ValueError` for a line break."""
    return _plain(name, text) or encoded_words(name, text)


def mailbox_value(name: str, *, display: str, address: str) -> str:
    """Return the value of a header that is one mailbox, such as `From`, folded."""
    if not display:
        return address
    phrase = _phrase(name, display)
    last = phrase.rpartition(FOLD)[2]
    fits = len(name) + 2 + len(last) + len(address) + 3 <= LONGEST_LINE
    return f"{phrase} <{address}>" if fits else f"{phrase}{FOLD}<{address}>"


def encoded_words(name: str, text: str) -> str:
    """Return a text as encoded words of whole characters, at most 75 octets each, one on each line."""
    if "\n" in text or "\r" in text:
        raise ValueError("a header may not contain a linefeed")
    room: Iterator[int] = chain([LONGEST_LINE - len(name) - 2], repeat(LONGEST_LINE - 1))
    return FOLD.join(word for word in _CHARSET.header_encode_lines(text, room) if word)


def _plain(name: str, text: str) -> str | None:
    """Return a text of ASCII words with single spaces, folded; None where it must be encoded.

    Text that looks like an encoded word must be, or mail programs would decode it.
    """
    if not _WORDS.fullmatch(text) or "=?" in text:
        return None
    lines = textwrap.wrap(
        text,
        LONGEST_LINE,
        initial_indent=f"{name}: ",
        subsequent_indent=" ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\r\n".join(lines)[len(name) + 2 :] if all(len(line) <= LONGEST_LINE for line in lines) else None


def _phrase(name: str, display: str) -> str:
    plain = _plain(name, display)
    if plain is None:
        return encoded_words(name, display)
    return plain if _PHRASE.fullmatch(plain) else '"' + re.sub(r'(["\\])', r"\\\1", plain) + '"'
