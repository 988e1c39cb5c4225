"""Mail: what it says, and that it arrives once."""
