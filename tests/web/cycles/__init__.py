"""Tests of the pages of cycles."""
