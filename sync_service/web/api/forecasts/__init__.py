"""Forecasts, and what closing an issue is worth, in the API."""
