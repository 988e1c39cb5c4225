"""The commands about rules and the links that they propose."""
