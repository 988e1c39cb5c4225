"""Flow tests: deliveries, fetches and polls go through all layers to values, history and notes."""
