"""Tests of the notes on issues."""
