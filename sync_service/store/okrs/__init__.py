"""Key results, links, rules, queries, check-ins and staleness."""
