"""How the service is set up from outside: settings, logging, the web server, and example files."""
