"""Scope of a test run: the usual tests, or with `TESTS=all` every case on both databases."""

import os

ALL = os.environ.get("TESTS") == "all"
