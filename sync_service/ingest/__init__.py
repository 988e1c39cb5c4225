"""Receive webhooks, store them in the inbox, and apply them: issues, links, values, history and notices."""
