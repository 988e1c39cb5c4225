"""What views need of the composition root: `services()` returns it, `wake()` wakes workers for due rows.

`public_url()` is for addresses that others are given.
"""

from typing import Any, cast

from flask import Flask, current_app, request, url_for

from sync_service.runtime.wakeup import WakeupThread
from sync_service.runtime.wiring import Services


def attach_services(app: Flask, services: Services, wakeup_thread: WakeupThread) -> None:
    """Attach the services to the application."""
    app.extensions["okr-sync"] = (services, wakeup_thread)


def services() -> Services:
    """Return the services of the current application."""
    return cast("tuple[Services, WakeupThread]", current_app.extensions["okr-sync"])[0]


def public_url(endpoint: str, **values: Any) -> str:
    """Return the address of an endpoint below the base URL of the settings: a request's Host header can be forged."""
    return services().settings.base_url + url_for(endpoint, **values).removeprefix(request.script_root)


def wake(*tables: str) -> None:
    """Wake workers for these tables of due rows; return at once."""
    cast("tuple[Services, WakeupThread]", current_app.extensions["okr-sync"])[1].request(*tables)
