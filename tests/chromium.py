"""A real browser for the tests: Chromium, driven by Playwright, with eyes open for what a visitor does not see."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = (
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
class Look:
    """How a visitor sees the pages."""

    theme: Literal["light", "dark"] = "light"
    size: Literal["phone", "wide"] = "wide"

    def __str__(self) -> str:
        return f"{self.theme}-{self.size}"


LOOKS = tuple(Look(theme=theme, size=size) for theme in ("light", "dark") for size in ("phone", "wide"))


def program() -> str:
    """Return the path of Chromium: `CHROMIUM`, or what is on PATH. Tests never go without."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        raise FileNotFoundError("no Chromium: install the package chromium, or set CHROMIUM to one")
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium until the end of the block. Root has no sandbox to give it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program(), args=[*QUIET], chromium_sandbox=os.geteuid() != 0
        )
        yield browser
        browser.close()


@contextmanager
def visit(browser: Browser, look: Look, mistakes: list[str]) -> Iterator[Page]:
    """Open a page with cookies of its own. Errors on it, and requests that leave this machine, go to `mistakes`."""
    width, height = SIZES[look.size]
    phone = look.size == "phone"
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=look.theme, has_touch=phone, is_mobile=phone
    )
    context.set_default_timeout(10_000)

    def stay_home(route: Route) -> None:
        if urlsplit(route.request.url).hostname in LOOPBACK:
            route.continue_()
        else:
            mistakes.append(f"a request left this machine: {route.request.url}")
            route.abort()

    def listen(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            mistakes.append(f"console: {message.text}")

    context.route("**/*", stay_home)
    page = context.new_page()
    page.on("console", listen)
    page.on("pageerror", lambda error: mistakes.append(f"script: {error}"))
    try:
        yield page
    finally:
        context.close()
