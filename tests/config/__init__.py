"""What an operator can set, and what they are told when it is wrong."""
