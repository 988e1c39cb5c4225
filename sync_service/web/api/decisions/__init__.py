"""Decisions about values in the API."""
