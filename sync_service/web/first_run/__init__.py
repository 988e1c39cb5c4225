"""Pages of the first start: until there is anybody, only the link of the first admin opens."""
