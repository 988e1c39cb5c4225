"""The REST API with bearer tokens: lists, check-ins, steps, decisions, cycles, plans; and its OpenAPI document."""
