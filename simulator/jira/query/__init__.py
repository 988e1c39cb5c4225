"""JQL: parse a query, evaluate it on an issue, search with it."""
