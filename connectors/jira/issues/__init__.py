"""Fetch single issues, fetch many at once, and list changed issues."""
