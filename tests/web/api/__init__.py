"""The API, on both databases."""
