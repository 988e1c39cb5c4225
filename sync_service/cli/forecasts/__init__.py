"""Forecasts, and what closing an issue is worth, on the command line."""
