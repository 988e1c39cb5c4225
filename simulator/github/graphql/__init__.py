"""The GraphQL API of the simulated GitHub: issues in batches, closing pull requests, and projects.

It needs graphql-core, which is installed for development only, so it is imported at the first query.
https://docs.github.com/en/graphql/reference/objects
"""
