"""The pages about people: who did what."""
