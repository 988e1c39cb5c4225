"""Previews of rules: what a new or changed rule would do, and why rules match an issue or not. They save nothing."""
