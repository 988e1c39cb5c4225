"""Onboarding: identity, visible scopes, webhooks."""
