"""Connections, scopes, the inbox, issues, and what belongs to issues."""
