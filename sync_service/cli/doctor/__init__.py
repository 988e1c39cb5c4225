"""The command `okr-sync doctor`: checks of settings, servers and connections, run in parallel with time limits."""
