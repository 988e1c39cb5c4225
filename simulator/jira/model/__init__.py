"""The objects of the simulated Jira and what people do to them: projects, issues, sprints, versions."""
