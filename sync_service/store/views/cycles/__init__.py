"""What pages, API and command line show of cycles."""
