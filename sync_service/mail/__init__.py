"""Mail: what we have to tell, in words a person likes to read, and the way out by SMTP."""
