"""The checks of `okr-sync doctor`, in sections; each section runs on its own, with a time limit."""
