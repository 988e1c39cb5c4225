"""Read configuration files: YAML with line numbers, validation, and errors that name file, line and field."""
