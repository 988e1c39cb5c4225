"""The objects of the simulated GitHub and what people do to them: repositories, issues, projects, apps, hooks."""
