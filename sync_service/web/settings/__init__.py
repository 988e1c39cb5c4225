"""Pages of the organisation, its people, teams and cycles."""
