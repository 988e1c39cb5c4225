"""The pure core: what OKR Sync means. Standard library only; no clock, no input, no output."""
