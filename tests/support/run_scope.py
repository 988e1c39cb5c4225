"""Which tests a run has: the usual ones, or with `TESTS=all` every case on both databases."""

import os

ALL = os.environ.get("TESTS") == "all"
