"""Changes of the links of an issue."""
