"""Sign-in links, the first admin's link, sessions, API tokens, the audit log and OAuth states."""
