"""Run the demo by `python -m simulator.demo`."""

import sys

from simulator.demo.command import main

sys.exit(main(sys.argv[1:]))
