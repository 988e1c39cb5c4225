"""Tests of the simulated GitHub."""
