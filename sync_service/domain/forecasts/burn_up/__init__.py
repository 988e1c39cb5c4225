"""The burn-up of a key result: what each linked issue brings to what is done and to the scope, and its weeks."""
