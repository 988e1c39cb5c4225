"""One plain page for each issue, so that a link to it in the product leads somewhere in the demo."""

from collections.abc import Mapping
from html import escape

from werkzeug.wrappers import Response


def page(title: str, lines: Mapping[str, str]) -> Response:
    """Give a page with a heading and a list of what is known; empty lines are left out."""
    rows = "".join(f"<dt>{escape(name)}<dd>{escape(text)}" for name, text in lines.items() if text)
    html = f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>"
    return Response(f"{html}<h1>{escape(title)}</h1><dl>{rows}</dl>", content_type="text/html; charset=utf-8")


def no_page() -> Response:
    """Say that there is nothing at this address."""
    response = page("Not found", {})
    response.status_code = 404
    return response
