"""The GraphQL side of the simulated GitHub, as far as batches of issues and what closes them.

It needs graphql-core, which only those who develop have, so it is imported when the first query comes.
https://docs.github.com/en/graphql/reference/objects
"""
