"""Tests of notices, mails and connection alerts."""
