"""GitHub's JSON read into snapshots of issues."""
