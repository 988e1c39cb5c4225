"""Scope of a test run: the usual tests; `TESTS=all`: every case on both databases; `FAULTS=long`: longer runs."""

import os

LONG = os.environ.get("FAULTS") == "long"
ALL = os.environ.get("TESTS") == "all"
