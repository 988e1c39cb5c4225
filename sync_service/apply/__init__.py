"""The configuration file: parse it with every error, compare it with the database, apply all or nothing, export."""
