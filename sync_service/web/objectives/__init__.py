"""Pages of objectives, teams and cycles."""
