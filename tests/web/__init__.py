"""What comes in by HTTP: hooks, pages and the API."""
