"""Tests of the pages, by Flask's own client."""
