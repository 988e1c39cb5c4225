"""What views need of the composition root: `services()` returns it, `wake()` wakes workers for due rows."""

from typing import cast

from flask import Flask, current_app

from sync_service.runtime.wakeup import WakeupThread
from sync_service.runtime.wiring import Services


def attach_services(app: Flask, services: Services, wakeup_thread: WakeupThread) -> None:
    """Attach the services to the application."""
    app.extensions["okr-sync"] = (services, wakeup_thread)


def services() -> Services:
    """Return the services of the current application."""
    return cast("tuple[Services, WakeupThread]", current_app.extensions["okr-sync"])[0]


def wake(*tables: str) -> None:
    """Wake workers for these tables of due rows; return at once."""
    cast("tuple[Services, WakeupThread]", current_app.extensions["okr-sync"])[1].request(*tables)
