"""Rules one by one in the API: their life, versions and overlaps, and the links that they propose."""
