"""The only SQL: tables, due rows and queries, the same on SQLite and PostgreSQL."""
