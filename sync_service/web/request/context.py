"""What views need of the composition root: `services()` returns it, `wake()` wakes workers for due rows.

`public_url()` is for addresses that others are given.
"""

from collections.abc import Sequence
from typing import Any, cast

from flask import Flask, current_app, request, url_for

from sync_service.runtime.wakeup import WakeupThread
from sync_service.runtime.wiring import Services
from sync_service.store.cycles import refreezes
from sync_service.store.engine.database import reading


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


COMPUTING_SECONDS = 2.0
"""How long a request computes key results itself; a worker goes on with the rest."""


def compute_for_seconds(key_result_ids: Sequence[int]) -> None:
    """Compute key results, by their row ids, for some seconds, so that the answer shows most of them."""

    def any_due() -> bool:
        with reading(services().engine) as tx:
            return bool(key_result_ids) and refreezes.any_due(tx, key_result_ids)

    services().drains.drain_while("recompute", any_due, seconds=COMPUTING_SECONDS)
