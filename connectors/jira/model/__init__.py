"""Jira's JSON read into snapshots of issues."""
