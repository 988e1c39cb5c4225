"""The REST API: read-only, with bearer tokens; and its OpenAPI document with a page that shows it."""
