"""The demo: the whole service beside a simulated GitHub and a simulated Jira, and a story that moves key results.

    python -m simulator.demo           plays the story for somebody who watches, goes on until Ctrl-C
    python -m simulator.demo --once    plays it quickly, checks everything, and leaves

It uses the product as a stranger does: the command `okr-sync` as a process, and addresses over HTTP. What must come
out is computed here, from what the trackers hold (`aims.py`), and never read from the product.
"""
