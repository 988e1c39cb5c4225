"""How objectives and key results are written."""
