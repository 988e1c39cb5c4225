"""Pages of cycles: their days and progress, their end, and what is carried over."""
