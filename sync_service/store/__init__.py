"""All SQL of the service: tables, due rows and queries, the same on SQLite and PostgreSQL."""
