"""E-mail addresses: which ones a mail server can be given, and how SMTP writes them.

https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2
"""

import re
import unicodedata
from email.header import decode_header, make_header
from ipaddress import IPv4Address, IPv6Address

LONGEST_LOCAL_PART = 64
LONGEST_ADDRESS = 254
"""Octets. https://www.rfc-editor.org/errata/eid1690"""

LONGEST_HOST = 253
LONGEST_LABEL = 63

_ATOM = r"[^\x00-\x20\x7f-\xa0\s()<>\[\]:;@\\,.\"]+"
"""Characters of an unquoted local part, also outside ASCII (RFC 6531)."""

_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_DOTTED = re.compile(rf"(?:{_ATOM}|\.)+")
_QUOTED = re.compile(r'"((?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])+)"')
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?", re.ASCII)
_DOTS = re.compile("[.\u3002\uff0e\uff61]")
_LITERAL = re.compile(r"\[(?:(?P<four>[0-9.]+)|ipv6:(?P<six>[0-9a-f:.]+))\]", re.IGNORECASE | re.ASCII)
_MAILBOX = re.compile(r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<name>[^"<>@]*))\s*<(?P<address>[^<>]*)>')


def smtp_address(written: str) -> str:
    """Return an address as SMTP writes it: the local part quoted where it must be, the host in ASCII.

    Raise `ValueError` for what is not an e-mail address.
    """
    local, at, host = written.rpartition("@")
    if not at:
        raise _invalid(written)
    try:
        address = f"{_local(local)}@{_host(host)}"
    except ValueError as error:
        raise _invalid(written) from error
    if len(address.encode()) > LONGEST_ADDRESS:
        raise _invalid(written)
    return address


def host_literal(host: str) -> str:
    """Return a host as it is written after the @: an IP address as a literal, like `[IPv6:2001:db8::1]`."""
    if ":" in host:
        return f"[IPv6:{host}]"
    return f"[{host}]" if _is_number(host.rpartition(".")[2]) else host


def mailbox(written: str) -> tuple[str, str]:
    """Return name and address of a mailbox like `OKR Sync <okr@example.com>`. Raise `ValueError` for anything else."""
    found = _MAILBOX.fullmatch(written.strip())
    if found is None:
        return "", smtp_address(written.strip())
    quoted, name = found["quoted"], found["name"]
    name = (re.sub(r"\\(.)", r"\1", quoted) if name is None else name).strip()
    if quoted is None and "=?" in name:  # pasted from a mail header
        name = str(make_header(decode_header(name)))
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in name):
        raise _invalid(written)
    return name, smtp_address(found["address"].strip())


def _invalid(written: str) -> ValueError:
    return ValueError(f"{written!r} is not an e-mail address")


def _local(local: str) -> str:
    quoted = _QUOTED.fullmatch(local)
    text = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else local
    if quoted is None and not _DOTTED.fullmatch(local):
        raise ValueError("a character that only a quoted local part may have")
    if len(text.encode()) > LONGEST_LOCAL_PART:
        raise ValueError("too long")
    # Some providers gave out names such as `a..b`, which must be quoted.
    return text if _DOT_ATOM.fullmatch(text) else '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _host(host: str) -> str:
    literal = _LITERAL.fullmatch(host)
    if literal:
        return f"[{IPv4Address(literal['four'])}]" if literal["four"] else f"[IPv6:{IPv6Address(literal['six'])}]"
    labels = [_label(label) for label in _DOTS.split(host)]
    if _is_number(labels[-1]):
        raise ValueError("an IP address without brackets")
    name = ".".join(labels)
    if len(name) > LONGEST_HOST:
        raise ValueError("too long")
    return name


def _label(label: str) -> str:
    """Return a label of a host name in ASCII, with ß and ς kept, as in IDNA 2008; Python's codec `idna` is older."""
    text = unicodedata.normalize("NFKC", label).lower()
    ascii_ = text if text.isascii() else "xn--" + text.encode("punycode").decode()
    if len(ascii_) > LONGEST_LABEL or not _LABEL.fullmatch(ascii_):
        raise ValueError("not a label of a host name")
    return ascii_


def _is_number(label: str) -> bool:
    return label.isascii() and label.isdecimal()
