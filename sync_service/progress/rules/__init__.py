"""What people do with rules and with the links that rules propose."""
