"""Benchmarks: each a ratio to a baseline measured in the same run, so that a figure means the same on any machine.

`make bench` runs them on SQLite and on PostgreSQL with the durability of production, prints a table and writes JSON.
"""
