"""The pages of objectives, key results, deliveries and the mailbox, and what templates share."""
