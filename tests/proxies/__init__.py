"""The service behind real proxies, nginx and HAProxy, with the settings that the documentation shows."""
