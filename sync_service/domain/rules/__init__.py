"""Conditions of mapping rules, compiled to predicates on issues."""
