"""What views need of the composition root: `services()` returns it, `wake()` wakes workers for due rows."""

from typing import cast

from flask import Flask, current_app

from sync_service.runtime.wakeup import Ringer
from sync_service.runtime.wiring import House


def put_house(app: Flask, house: House, ringer: Ringer) -> None:
    """Attach the services to the application."""
    app.extensions["okr-sync"] = (house, ringer)


def house() -> House:
    """Return the services of the current application."""
    return cast("tuple[House, Ringer]", current_app.extensions["okr-sync"])[0]


def ring(*tables: str) -> None:
    """Wake workers for these tables of due rows; return at once."""
    cast("tuple[House, Ringer]", current_app.extensions["okr-sync"])[1].ring(*tables)
