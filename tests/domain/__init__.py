"""Tests of the pure core: tables of examples, and properties."""
