"""The database engine: transactions, migrations, encryption at rest, and the version counters."""
