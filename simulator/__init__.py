"""A GitHub and a Jira on loopback, for the demo, the tests and the benchmarks."""
