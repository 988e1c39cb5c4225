"""Fault tests: kill, stop, starve and flush processes and servers under load, and compare with an oracle."""
