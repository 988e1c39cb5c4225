"""Run the command as `python -m sync_service.cli`; `okr-sync up` starts its processes this way."""

from sync_service.cli.main import main

main(prog_name="okr-sync")
