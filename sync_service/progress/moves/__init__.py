"""Scopes that move between two connections."""
