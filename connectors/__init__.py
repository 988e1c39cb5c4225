"""Our code for each kind of tracker, and the little they share: calls over HTTP, signed letters, unsure fields."""
