"""The burn-up of a key result: what each linked issue adds to what is done and to the scope, and its weeks."""
