"""The scheduler: wake the workers for due rows every second; drain the rows here when Redis does not answer."""

import itertools
import threading
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from sync_service.runtime.call_thread import CallThread
from sync_service.runtime.drains import CALLS_TRACKERS
from sync_service.runtime.wiring import Services
from sync_service.store.jobs import removals
from sync_service.store.queue.clock_skew import repair_due_times

log = structlog.get_logger(__name__)

BEAT_SECONDS = 1.0
REMOVAL_BATCHES = 20
"""How many batches of removed rows of each kind are deleted in one beat."""

STOP_SECONDS = 5.0
"""How long it waits, when it stops, for the calls to trackers that are under way."""

CLOCK_SKEW_BEATS = 10
"""After so many beats, check again whether the database clock was stepped back."""


def run(services: Services, stop: threading.Event) -> None:
    """Beat until `stop` is set. While the database does not answer, keep trying."""
    calls = CallThread(services.drains, services.wakeup)
    calls.start()
    for number in itertools.count():
        if stop.wait(BEAT_SECONDS):
            calls.stop(STOP_SECONDS)
            return
        try:
            if number % CLOCK_SKEW_BEATS == 0:
                repair_clock_skew(services)
            beat(services, calls)
        except SQLAlchemyError as error:
            log.warning("the database does not answer; trying again", error=str(error).splitlines()[0])


def beat(services: Services, calls: CallThread) -> None:
    """Wake the workers for every table with due rows; drain the tables here when Redis does not answer.

    Delete some rows of what was removed too.
    """
    removals.delete_batches(services.engine, batches=REMOVAL_BATCHES)
    names = services.drains.due()
    if not services.wakeup.wake(names):
        for name in names:
            (calls.request if name in CALLS_TRACKERS else services.drains.drain)(name)


def repair_clock_skew(services: Services) -> None:
    """Repair due times that are too far ahead after the database clock was stepped back."""
    count = repair_due_times(services.engine, settle=timedelta(seconds=services.settings.settle_seconds))
    if count:
        log.warning("the database's clock was stepped back; due times are repaired", rows=count)
