"""The running service: wiring, worker, scheduler, wakeup, supervisor, instance lock and the private Redis."""
