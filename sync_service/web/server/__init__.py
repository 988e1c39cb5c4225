"""The web server: it reads a whole request before it takes a thread, and bounds what any client can hold."""
