"""Find failed webhook deliveries and ask GitHub to redeliver them."""
