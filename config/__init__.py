"""Configuration of the service from outside: settings, logging, the web server, and example files."""
