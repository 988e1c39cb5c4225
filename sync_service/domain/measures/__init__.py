"""How a value, its progress and its status follow from linked issues, check-ins and settings."""
