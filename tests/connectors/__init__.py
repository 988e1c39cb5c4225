"""Tests of the connectors, with our own payloads."""
