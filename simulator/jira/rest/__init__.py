"""The REST API of the simulated Jira: one module for each group of calls, put together in `endpoints`."""
