"""Tests against real databases, Redis, SMTP and browsers."""

import gc

gc.set_threshold(100_000)  # while tests are collected: they stay, and Python's own 700 took a fifth of the time
