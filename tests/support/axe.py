"""Check an open page with axe-core, the rules of accessibility that a program can check.

https://github.com/dequelabs/axe-core/blob/develop/doc/rule-descriptions.md
"""

from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Page

SCRIPT = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"

RULES = (
    *("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"),
    "experimental",  # among them: the name of a button contains its visible label
)
"""Tags of rules."""

RUN = """
    async (options) => (await axe.run(document, options)).violations.flatMap((rule) =>
      rule.nodes.map((node) => `${rule.id}: ${node.target.join(" ")} — ${node.html.slice(0, 160)} — ${
        [...node.any, ...node.all, ...node.none].map((check) => check.message).join("; ").slice(0, 200)}`))
"""


@cache
def script() -> str:
    """Return axe-core; fail when `npm ci` did not install it."""
    if not SCRIPT.exists():
        pytest.fail(f"{SCRIPT} is missing; npm ci gets what belongs into node_modules")
    return SCRIPT.read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """Return each violation on the page: the rule, the element and what is wrong with it."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(script())
    # The frame of a mail runs no script.
    options = {"runOnly": RULES, "resultTypes": ["violations"], "iframes": False}
    found: list[str] = page.evaluate(RUN, options)
    return found
