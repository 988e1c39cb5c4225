"""The only SQL, on both databases."""
