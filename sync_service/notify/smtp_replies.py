"""What an SMTP server's reply means for a mail: whether to try again, and whether the reply is about us.

The first digit: https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1
The enhanced status: https://www.iana.org/assignments/smtp-enhanced-status-codes
"""

import re

BUSY = 421
"""The reply code of a server that is about to close the connection."""

TOO_LARGE = 552

NOT_SIGNED_IN = frozenset({530, 535, 538})
"""The server wants us to sign in, or to do it in another way. https://www.rfc-editor.org/rfc/rfc4954#section-6"""

_ABOUT_RECIPIENT = re.compile(r"\b5\.(?:1\.(?:1|2|3|6|10)|2\.[0-4])\b")
_ABOUT_SENDER = re.compile(
    r"\b5\.(?:1\.[78]|7\.60)\b|\bsender\b|\bsend ?as\b|\bnot owned by\b|\bmail from\b|\bfrom address\b"
    r"|\b(?:is|are) not verified\b|\brelay(?:ing)?\b|\bauthenticat",
    re.IGNORECASE,
)


class Temporary(Exception):
    """The server did not accept the mail now; it may accept it later."""


class Unreachable(Temporary):
    """The server can't be used now, for any mail: no answer, a closed connection, or a failed login."""


class Permanent(Exception):
    """The server will never accept the mail."""


def refused_mail(code: int, text: str, *, sender: str, recipient: str) -> Exception:
    """Return the error for a mail that the server refused at its recipient or its content.

    Many servers check the sender only there. What the operator can fix is temporary, so that no mail is lost meanwhile.
    """
    if code >= 500 and code != TOO_LARGE and (code in NOT_SIGNED_IN or _is_about_us(text, sender, recipient)):
        return Temporary(f"{code} {text} (about our address, {sender})")
    return _by_code(code, f"{code} {text}")


def refused_sender(code: int, text: str, *, sender: str) -> Exception:
    """Return the error for a mail whose sender was refused, which the operator can fix."""
    reason = f"{code} {text} (to our address, {sender})"
    return _by_code(code, reason) if code in (BUSY, TOO_LARGE) else Temporary(reason)


def one_line(reply: bytes | str) -> str:
    """Return the text of a reply as one line of at most 400 characters."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return " ".join(text.split())[:400]


def _by_code(code: int, reason: str) -> Exception:
    if code == BUSY:
        return Unreachable(reason)
    return Permanent(reason) if code >= 500 else Temporary(reason)


def _is_about_us(text: str, sender: str, recipient: str) -> bool:
    if _ABOUT_RECIPIENT.search(text):
        return False
    words = text.lower().replace(recipient.lower(), "")
    return sender.lower() in words or _ABOUT_SENDER.search(words) is not None
