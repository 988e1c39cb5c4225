"""Chromium for tests, driven by Playwright; collects console errors and requests to other hosts."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright

from tests.support.run_scope import ALL

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SIZES = {"phone": (390, 844), "wide": (1440, 900)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """Appearance of the pages: colour theme and window size."""

    theme: Literal["light", "dark"] = "light"
    size: Literal["phone", "wide"] = "wide"

    def __str__(self) -> str:
        return f"{self.theme}-{self.size}"


ALL_APPEARANCES = tuple(Appearance(theme=theme, size=size) for theme in ("light", "dark") for size in ("phone", "wide"))
APPEARANCES = (
    ALL_APPEARANCES if ALL else (Appearance(theme="light", size="phone"), Appearance(theme="dark", size="wide"))
)
"""Each theme and each size; with `TESTS=all` each theme in each size."""


def find_program() -> str:
    """Return the path of Chromium: `CHROMIUM`, or the one on PATH. Raise `FileNotFoundError` when there is none."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        raise FileNotFoundError("no Chromium: install the package chromium, or set CHROMIUM to one")
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium until the end of the block. The sandbox does not work as root."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_program(), args=[*ARGUMENTS], chromium_sandbox=os.geteuid() != 0
        )
        yield browser
        browser.close()


@contextmanager
def open_page(browser: Browser, appearance: Appearance, errors: list[str]) -> Iterator[Page]:
    """Open a page with its own cookies. Append console errors, and requests to other hosts, to `errors`."""
    width, height = SIZES[appearance.size]
    phone = appearance.size == "phone"
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=appearance.theme, has_touch=phone, is_mobile=phone
    )
    context.set_default_timeout(10_000)

    def block_other_hosts(route: Route) -> None:
        if urlsplit(route.request.url).hostname in LOOPBACK:
            route.continue_()
        else:
            errors.append(f"a request left this machine: {route.request.url}")
            route.abort()

    def collect(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            errors.append(f"console: {message.text}")

    context.route("**/*", block_other_hosts)
    page = context.new_page()
    page.on("console", collect)
    page.on("pageerror", lambda error: errors.append(f"script: {error}"))
    try:
        yield page
    finally:
        context.close()
