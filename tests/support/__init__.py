"""What tests share: databases, servers, a fake tracker, a browser, and waiting with a deadline."""
