"""The commands about people: who may come in, and who did what."""
