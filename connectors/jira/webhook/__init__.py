"""Webhook deliveries read into observations."""
