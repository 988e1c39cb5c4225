"""The commands that decide about values."""
