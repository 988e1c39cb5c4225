"""What rules say of an issue, in the API."""
