"""The REST API: read-only, for programs, by bearer token; its OpenAPI document and the page to read it."""
