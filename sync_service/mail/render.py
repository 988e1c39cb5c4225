"""From what is to be told to subject, text and HTML, by the templates beside this module."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from css_inline import CSSInliner
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from sync_service.mail import breaking, telling
from sync_service.mail.telling import Told
from sync_service.mail.words import plain
from sync_service.store.breakings import Broken

WIDTH = 72
"""Columns of the text version, so that it can be quoted within 80."""

MOST_SECTIONS = 15
"""Key results told in full in one mail: mail programs cut what is much longer than a hundred kilobytes."""


@dataclass(frozen=True, slots=True)
class Content:
    """A mail without its headers. The subject is one line."""

    subject: str
    text: str
    html: str


def notice(told: Sequence[Told], *, base_url: str) -> Content:
    """Write the mail about key results, at least one."""
    sections = telling.sections(told, base_url=base_url)
    return _content(
        "notice",
        subject=telling.subject(sections),
        preview=telling.preview(sections),
        sections=sections[:MOST_SECTIONS],
        further=sections[MOST_SECTIONS:],
        because=telling.because(told),
        base_url=base_url,
    )


def broken(found: Broken, *, base_url: str) -> Content:
    """Write the mail about what broke of a connection."""
    return _content("broken", **breaking.told(found, base_url=base_url))


def sign_in(*, name: str, link: str, base_url: str, valid: timedelta, until: datetime) -> Content:
    """Write the mail with a sign-in link."""
    return _content(
        "sign_in",
        name=plain(name),
        link=link,
        site=urlsplit(base_url).netloc,
        base_url=base_url,
        minutes=int(valid.total_seconds() // 60),
        until=f"{until:%H:%M} UTC",
    )


def _content(folder: str, /, **told: Any) -> Content:
    subject = plain(_filled(f"{folder}/subject.txt", told))
    text = _filled(f"{folder}/body.txt", told | {"subject": subject})
    html = _filled(f"{folder}/body.html", told | {"subject": subject})
    return Content(subject, text.strip() + "\n", _inliner().inline(html))


def _filled(template: str, told: Mapping[str, Any]) -> str:
    return _templates().get_template(template).render(told)


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("sync_service", "mail/templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["wrapped"] = wrapped
    return templates


@cache
def _inliner() -> CSSInliner:
    # What can't be inlined, such as the colours for dark rooms, stays in a style element.
    return CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def wrapped(text: str, indent: int = 0) -> str:
    """Break a line of text between words; the lines that follow are indented by `indent` columns."""
    return textwrap.fill(text, WIDTH, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
