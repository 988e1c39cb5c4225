"""Tests of the simulated Jira."""
