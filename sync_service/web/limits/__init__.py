"""Limits of what requests may send, and how often."""
