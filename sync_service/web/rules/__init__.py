"""The pages where admins write mapping rules."""
