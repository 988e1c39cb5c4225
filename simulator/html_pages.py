"""Plain HTML pages: one for each issue, so that links to it work, and forms with one button."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

from werkzeug.wrappers import Response


def page(title: str, lines: Mapping[str, str]) -> Response:
    """Return a page with a heading and a list of facts; empty ones are left out."""
    rows = "".join(f"<dt>{escape(name)}<dd>{escape(text)}" for name, text in lines.items() if text)
    return _whole(title, f"<dl>{rows}</dl>")


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form with one button.

    `hidden` are hidden fields; `choices` are the values of the field `choose`, each with its name.
    """

    action: str
    button: str
    hidden: Mapping[str, str] = field(default_factory=dict)
    choose: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)


def form_page(title: str, lines: Mapping[str, str], form: Form) -> Response:
    """Return a page with a heading, a list of facts, and a form."""
    rows = "".join(f"<dt>{escape(name)}<dd>{escape(text)}" for name, text in lines.items() if text)
    hidden = "".join(
        f'<input type=hidden name="{escape(name)}" value="{escape(value)}">' for name, value in form.hidden.items()
    )
    choices = "".join(
        f'<p><label><input type=checkbox name="{escape(form.choose)}" value="{escape(value)}"> {escape(name)}</label>'
        for value, name in form.choices.items()
    )
    button = f"<p><button type=submit>{escape(form.button)}</button>"
    inside = f'<form method=post action="{escape(form.action)}">{hidden}{choices}{button}</form>'
    return _whole(title, f"<dl>{rows}</dl>{inside}")


def error_page(status: int, message: str) -> Response:
    """Return a page with an error."""
    response = _whole(message, "")
    response.status_code = status
    return response


def not_found_page() -> Response:
    """Return the page for an unknown URL."""
    return error_page(404, "Not found")


def _whole(title: str, inside: str) -> Response:
    html = f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><h1>{escape(title)}</h1>"
    return Response(html + inside, content_type="text/html; charset=utf-8")
