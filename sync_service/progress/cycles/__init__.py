"""The end of a cycle: refreezing and settling."""
