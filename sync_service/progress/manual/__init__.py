"""What people enter by hand about a key result."""
