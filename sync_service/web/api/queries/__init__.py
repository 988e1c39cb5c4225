"""Queries in a tracker's own language that are tried before a rule has them."""
