"""Checks of rules in files that need more than the file: closed cycles, custom fields of connections."""
