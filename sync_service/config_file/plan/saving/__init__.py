"""Write one kind of items as rows."""
