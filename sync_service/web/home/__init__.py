"""The home page of a person."""
