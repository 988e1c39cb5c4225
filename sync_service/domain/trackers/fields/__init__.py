"""Fields of issues that not every tracker has: custom fields, and how details of snapshots are merged."""
