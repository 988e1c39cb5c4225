"""Cycles: numbers as of the end, scores, outcomes, successors."""
