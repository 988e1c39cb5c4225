"""Decisions of people about applied values, and what follows from them."""
