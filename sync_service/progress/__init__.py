"""From changed issues to links, and from links to values, history entries and notices."""
