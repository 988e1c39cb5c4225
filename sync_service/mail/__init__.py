"""Mails: compose their texts, build the MIME messages, and hand them to an SMTP server."""
