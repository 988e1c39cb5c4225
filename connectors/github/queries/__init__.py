"""GitHub searches as queries of rules: how they are read, judged against one issue, and listed."""
