"""Tests of the simulated trackers: they are true to the real ones, or every other test means little."""
