"""JQL as queries of rules: how it is bounded, checked by Jira, asked about single issues, and listed."""
