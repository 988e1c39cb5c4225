"""What applying configuration files needs of the services of a process."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Engine

from sync_service.domain.trackers.connector import Connector
from sync_service.store.engine.encryption import Sealer


class Zoned(Protocol):
    """Settings with the default time zone."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone where neither organisation nor team has one."""
        ...


class Wired(Protocol):
    """What applying needs of the services of a process."""

    @property
    def settings(self) -> Zoned:
        """The settings of the process."""
        ...

    @property
    def engine(self) -> Engine:
        """The database."""
        ...

    @property
    def sealer(self) -> Sealer:
        """What encrypts secrets."""
        ...

    @property
    def connectors(self) -> Mapping[str, Connector]:
        """The connectors, by kind."""
        ...

    @property
    def now(self) -> Callable[[], datetime]:
        """The clock."""
        ...
