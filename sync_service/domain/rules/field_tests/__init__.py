"""Tests of fields that are no text: days, numbers, and the custom fields that a connection names."""
