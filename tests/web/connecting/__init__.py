"""Tests of the pages about connections."""
