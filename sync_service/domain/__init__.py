"""The pure core: the rules of OKR Sync. Standard library only; no clock, no input, no output."""
