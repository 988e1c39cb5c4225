"""Applied, proposed and overridden values."""
