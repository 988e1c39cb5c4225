"""Forms that are saved as a file is applied, merged with what somebody else saved meanwhile."""
