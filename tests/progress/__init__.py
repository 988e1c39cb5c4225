"""Tests of the room progress that need no database."""
