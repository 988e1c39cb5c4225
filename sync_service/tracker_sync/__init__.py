"""Calls to trackers: fetch issues, poll scopes, run scheduled tasks, list query members, refresh OAuth tokens."""
