"""Authorised calls to GitHub: client, credentials, and its errors by meaning."""
