"""Write the objects of the simulated GitHub as JSON, the same in webhooks and in REST responses."""
