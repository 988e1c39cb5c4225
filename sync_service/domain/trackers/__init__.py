"""Observations, the issue they are merged into (newest wins), causes, comment commands and the connector protocols."""
