"""Applied, proposed and overridden values as JSON."""
