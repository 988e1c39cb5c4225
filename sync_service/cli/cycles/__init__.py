"""The commands about cycles."""
