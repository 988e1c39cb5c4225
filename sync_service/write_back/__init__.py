"""Write notes on a tracker's issues that say which key results each issue serves."""
