"""Notes on Jira's issues."""
