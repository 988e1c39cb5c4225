"""Shared by all tests: databases, servers, a fake tracker, a browser, and waiting with a deadline."""
