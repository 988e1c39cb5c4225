"""The demo: the whole service beside a simulated GitHub and a simulated Jira, and a scenario that moves key results.

    python -m simulator.demo           runs the scenario at a pace to watch, then until Ctrl-C
    python -m simulator.demo --once    runs it quickly, checks everything and exits

It uses the product as a user does: the command `okr-sync` as a process, and its URLs over HTTP. The expected values
are computed here from what the trackers hold (`expectations.py`), and never read from the product.
"""
