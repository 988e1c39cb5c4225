"""API routes by which programs enter what people enter on pages."""
