"""Tests of the running service: processes, scheduler, worker, instance lock, private Redis."""
