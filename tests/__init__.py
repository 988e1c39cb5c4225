"""Tests against real databases, Redis, SMTP and browsers."""
