"""What people hear: notices, and which change is worth a mail."""
