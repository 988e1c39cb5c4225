"""Edits from pages: each is written as a file and applied as one, so that pages and files are equal."""
