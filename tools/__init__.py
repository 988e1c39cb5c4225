"""Commands for `make`: setup, front-end libraries, lock files. They use the standard library only."""
