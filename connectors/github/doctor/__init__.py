"""Checks of a GitHub connection for `okr-sync doctor`."""
