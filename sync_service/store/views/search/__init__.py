"""Search over everything that has a page."""
