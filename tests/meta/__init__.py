"""Tests of the project itself: imports, documents, lock files and the servers that tests start."""
