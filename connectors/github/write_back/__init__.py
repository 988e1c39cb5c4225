"""Notes on GitHub's issues."""
