"""What status and pages say of scopes that move between connections."""
