"""The configuration file: read with all its mistakes, compared with the database, applied whole, and written back."""
