"""JQL as a rule's query: validate it, match single issues, list its members by search."""
