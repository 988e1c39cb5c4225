"""Views of forecasts."""
