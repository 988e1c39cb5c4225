"""Tests against the real parts."""
