"""OKR Sync: key results that move by themselves as linked work closes in GitHub and Jira."""

__version__ = "0.1.0"
