"""What every request passes: context, guards, sign-in, rate limits, security headers and error pages."""
