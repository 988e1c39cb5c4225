"""The pure core, by tables of examples and by properties."""
