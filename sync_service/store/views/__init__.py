"""Read-only views for pages, API and command line."""
