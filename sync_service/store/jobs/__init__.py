"""State of recurring work: polls, OAuth tokens, write-backs and mails."""
