"""Authorised calls to Jira: client, credentials, and its errors by meaning."""
