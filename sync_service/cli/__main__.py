"""Lets `python -m sync_service.cli` be the command, which is how `up` starts its parts."""

from sync_service.cli.main import main

main(prog_name="okr-sync")
