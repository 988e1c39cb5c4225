"""The scheduler: wake the workers for due rows every second; drain the rows here when Redis does not answer."""

import itertools
import threading
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from sync_service.runtime.wiring import Services
from sync_service.store.queue.clock_skew import repair_due_times

log = structlog.get_logger(__name__)

BEAT_SECONDS = 1.0
CLOCK_SKEW_BEATS = 10
"""After so many beats, check again whether the database clock was stepped back."""


def run(services: Services, stop: threading.Event) -> None:
    """Beat until `stop` is set. While the database does not answer, keep trying."""
    for number in itertools.count():
        if stop.wait(BEAT_SECONDS):
            return
        try:
            if number % CLOCK_SKEW_BEATS == 0:
                repair_clock_skew(services)
            beat(services)
        except SQLAlchemyError as error:
            log.warning("the database does not answer; trying again", error=str(error).splitlines()[0])


def beat(services: Services) -> None:
    """Wake the workers for every table with due rows; drain the tables here when Redis does not answer."""
    names = services.drains.due()
    if not services.wakeup.wake(names):
        for name in names:
            services.drains.drain(name)


def repair_clock_skew(services: Services) -> None:
    """Repair due times that are too far ahead after the database clock was stepped back."""
    count = repair_due_times(services.engine, settle=timedelta(seconds=services.settings.settle_seconds))
    if count:
        log.warning("the database's clock was stepped back; due times are repaired", rows=count)
