"""Ancestors of issues: follow them upwards when rules are matched, and match all below an issue again."""
