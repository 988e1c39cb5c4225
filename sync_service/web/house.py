"""The house as views reach it: `house()` gives everything joined, `ring()` makes due rows happen sooner."""

from typing import cast

from flask import Flask, current_app

from sync_service.doorbell import Ringer
from sync_service.wiring import House


def put_house(app: Flask, house: House, ringer: Ringer) -> None:
    """Give the application its house."""
    app.extensions["okr-sync"] = (house, ringer)


def house() -> House:
    """Give the house of the current application."""
    return cast("tuple[House, Ringer]", current_app.extensions["okr-sync"])[0]


def ring(*tables: str) -> None:
    """Ring for tables of due rows; returns at once."""
    cast("tuple[House, Ringer]", current_app.extensions["okr-sync"])[1].ring(*tables)
