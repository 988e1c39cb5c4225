"""Due rows: claim under a lease, settle, postpone, retry with backoff, bury, replay; rate limits and write slots."""
