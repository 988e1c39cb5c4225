"""`okr-sync` with a supervisor that restarts processes at once: two hundred kills must not take an hour."""

from functools import partial
from unittest.mock import patch

from sync_service.cli import main, run_commands
from sync_service.runtime.supervisor import RestartPolicy, supervise

FAST_RESTART = RestartPolicy(first_restart=0.05, last_restart=0.3)

if __name__ == "__main__":
    with patch.object(run_commands, "supervise", partial(supervise, policy=FAST_RESTART)):
        main()
