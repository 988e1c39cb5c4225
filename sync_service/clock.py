"""The clock: every second it rings for tables with due rows, and drains them itself when Redis does not answer."""

import itertools
import threading
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from sync_service.store.straying import bring_near
from sync_service.wiring import House

log = structlog.get_logger(__name__)

BEAT_SECONDS = 1.0
SET_RIGHT_BEATS = 10
"""Beats after which we look again whether the database's clock was stepped back."""


def run(house: House, stop: threading.Event) -> None:
    """Beat until `stop` is set. A database that is away is waited for."""
    for number in itertools.count():
        if stop.wait(BEAT_SECONDS):
            return
        try:
            if number % SET_RIGHT_BEATS == 0:
                set_right(house)
            beat(house)
        except SQLAlchemyError as error:
            log.warning("the database does not answer; trying again", error=str(error).splitlines()[0])


def beat(house: House) -> None:
    """Ring for whatever is due; without Redis, do it here."""
    names = house.drains.due()
    if not house.doorbell.ring(names):
        for name in names:
            house.drains.drain(name)


def set_right(house: House) -> None:
    """Bring near what a step of the database's clock has left too far ahead."""
    count = bring_near(house.engine, settle=timedelta(seconds=house.settings.settle_seconds))
    if count:
        log.warning("the database's clock was stepped back; what waited for it is due again", rows=count)
