"""Connectors: one package per kind of tracker, and what they share: HTTP client, webhook signatures, JSON fields."""
