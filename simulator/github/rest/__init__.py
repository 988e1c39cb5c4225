"""The REST API of the simulated GitHub: one module for each group of calls, put together in `endpoints`."""
