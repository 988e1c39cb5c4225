"""The pages of objectives and teams."""
