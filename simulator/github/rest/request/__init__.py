"""What every REST call shares: authentication, permissions, rate limits, pagination, routes, errors."""
