"""Forecasts: when a key result is likely to reach its target, exact from its last weeks, without random numbers."""
