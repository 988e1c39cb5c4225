"""Faults under load: what is promised when parts are killed, stopped, starved or flushed, and how it is proven."""
