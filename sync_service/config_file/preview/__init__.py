"""What applying files would change: tried on a private copy of the database."""
