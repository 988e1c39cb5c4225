"""The Flask web application: webhooks, pages, REST API, health. Nothing outside this package uses Flask."""
