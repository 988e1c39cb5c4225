"""Decisions about values on the page of a key result."""
