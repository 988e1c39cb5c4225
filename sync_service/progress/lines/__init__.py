"""The line of a key result over its cycle: days that were seen, and days before that are reconstructed."""
