"""The clock: every second it rings for tables with due rows, and drains them itself when Redis does not answer."""

import threading

import structlog
from sqlalchemy.exc import SQLAlchemyError

from sync_service.wiring import House

log = structlog.get_logger(__name__)

BEAT_SECONDS = 1.0


def run(house: House, stop: threading.Event) -> None:
    """Beat until `stop` is set. A database that is away is waited for."""
    while not stop.wait(BEAT_SECONDS):
        try:
            beat(house)
        except SQLAlchemyError as error:
            log.warning("the database does not answer; trying again", error=str(error).splitlines()[0])


def beat(house: House) -> None:
    """Ring for whatever is due; without Redis, do it here."""
    names = house.drains.due()
    if not house.doorbell.ring(names):
        for name in names:
            house.drains.drain(name)
