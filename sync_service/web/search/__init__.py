"""Find anything: the search page and the palette."""
