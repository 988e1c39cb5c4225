"""The command `okr-sync`: everything that is done from a terminal."""

from sync_service.cli.main import main

__all__ = ["main"]
