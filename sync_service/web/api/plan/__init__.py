"""The API of plans: what applying configuration files would change."""
