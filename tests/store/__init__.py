"""Tests of the store, which holds the only SQL, on both databases."""
