"""What `make` needs beyond a line: setting up, fetching the front-end libraries, locking versions. Standard library only."""
