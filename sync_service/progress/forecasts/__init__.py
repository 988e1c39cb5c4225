"""Forecasts of key results: their weeks from issue states and links, their computation, and what an issue is worth."""
