"""Benchmarks: most figures are ratios to a baseline of the same run, so that they are comparable between machines.

`make bench` runs them on SQLite and PostgreSQL with the durability of production, prints a table and writes JSON.
"""
