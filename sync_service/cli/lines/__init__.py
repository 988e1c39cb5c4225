"""The line of a key result in the terminal."""
