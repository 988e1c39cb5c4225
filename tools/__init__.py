"""What `make` needs beyond a line: setup, front-end libraries, version locks. Standard library only."""
