"""Sign-in links, sessions, API tokens, the audit log and OAuth states."""
