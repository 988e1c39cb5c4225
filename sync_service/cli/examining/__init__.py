"""What `okr-sync doctor` looks at: each section by itself, within its time, and told finding by finding."""
