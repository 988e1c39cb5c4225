"""Checks of a Jira connection for `okr-sync doctor`."""
