"""Tests of the connectors, with payloads of our own making."""
