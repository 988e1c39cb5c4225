"""The one RQ job: drain a table. RQ would call any function by name, so the worker allows only this one."""

from typing import Any

from rq import SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from sync_service.doorbell import JOB, QUEUE
from sync_service.wiring import House

_house: list[House] = []


class OnlyOurs(Job):
    """A job that refuses to be anything but a drain, whoever put it into Redis."""

    @property
    def func(self) -> Any:
        """Give the drain; raise for any other function."""
        if self.func_name != JOB:
            raise ValueError(f"refusing to run {self.func_name!r}: only {JOB} is allowed")
        return drain


def drain(name: str) -> None:
    """Drain one table, then ring for whatever that made due."""
    house = _house[0]
    house.doorbell.answered(name)
    house.drains.drain(name)
    house.doorbell.ring(house.drains.due())


def work(house: House) -> None:
    """Run an RQ worker in this process until it is told to stop."""
    _house[:] = [house]
    worker = SimpleWorker([QUEUE], connection=house.redis, job_class=OnlyOurs, serializer=JSONSerializer)
    worker.work(logging_level="WARNING")
