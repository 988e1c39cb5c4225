"""The API of cycles."""
