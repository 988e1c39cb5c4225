"""The command `okr-sync`: everything that can be done from a terminal."""

from sync_service.runtime.memory import collect_nothing

with collect_nothing():
    from sync_service.cli.main import main

__all__ = ["main"]
