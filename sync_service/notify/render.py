"""Render mails: view models and templates become subject, text and HTML."""

import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from css_inline import CSSInliner
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from sync_service.domain.text import plain
from sync_service.notify import alert_text, notice_text
from sync_service.notify.mime import Content
from sync_service.notify.notice_text import NoticeItem
from sync_service.store.views.connection_alert import ConnectionAlert

WIDTH = 72
"""Width of the text version, so that a quoted copy fits in 80 columns."""

MOST_SECTIONS = 15
"""Key results shown in full in one mail: mail programs cut messages of much more than a hundred kilobytes."""


def notice(items: Sequence[NoticeItem], *, base_url: str) -> Content:
    """Render the mail about key results, at least one."""
    sections = notice_text.sections(items, base_url=base_url)
    return _content(
        "notice",
        subject=notice_text.subject(sections),
        preview=notice_text.preview(sections),
        sections=sections[:MOST_SECTIONS],
        further=sections[MOST_SECTIONS:],
        because=notice_text.because(items),
        base_url=base_url,
    )


def broken(found: ConnectionAlert, *, base_url: str) -> Content:
    """Render the connection alert mail."""
    return _content("broken", **alert_text.view_model(found, base_url=base_url))


def sign_in(*, name: str, link: str, base_url: str, valid: timedelta, until: datetime) -> Content:
    """Render the mail with a sign-in link."""
    return _content(
        "sign_in",
        name=plain(name),
        link=link,
        site=urlsplit(base_url).netloc,
        base_url=base_url,
        minutes=int(valid.total_seconds() // 60),
        until=f"{until:%H:%M} UTC",
    )


def _content(folder: str, /, **variables: Any) -> Content:
    subject = plain(_rendered(f"{folder}/subject.txt", variables))
    text = _rendered(f"{folder}/body.txt", variables | {"subject": subject})
    html = _rendered(f"{folder}/body.html", variables | {"subject": subject})
    return Content(subject, text.strip() + "\n", _inliner().inline(html))


def _rendered(template: str, variables: Mapping[str, Any]) -> str:
    return _templates().get_template(template).render(variables)


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("sync_service", "notify/templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["wrapped"] = wrapped
    return templates


@cache
def _inliner() -> CSSInliner:
    # Rules that can't be inlined, such as dark mode colours, stay in a style element.
    return CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def wrapped(text: str, indent: int = 0) -> str:
    """Wrap a line of text between words; indent the following lines by `indent` columns."""
    return textwrap.fill(text, WIDTH, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
