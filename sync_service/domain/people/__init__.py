"""Notices to people, check-ins, and the accounts of people in trackers."""
