"""Match the known issues with a condition: which hold, which nearly, and values that no issue has."""
