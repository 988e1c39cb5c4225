"""Tests of the settings: what an operator can set, and the errors for invalid values."""
