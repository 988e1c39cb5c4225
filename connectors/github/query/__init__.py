"""GitHub search as a rule's query: parse it, evaluate it on one issue, list its members by the search API."""
