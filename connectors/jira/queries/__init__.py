"""JQL queries of rules: validate, bound to scopes, match single issues, search for members."""
