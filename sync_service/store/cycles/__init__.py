"""Cycles: what is stored of their closing."""
