"""The YAML configuration file: read and check it, compare it with the database, apply it, export it."""
