"""Durations that several modules use."""

from datetime import timedelta

DAY = timedelta(days=1)

MICROSECOND = timedelta(microseconds=1)
"""The shortest time between two moments: times are whole microseconds."""
