"""Lets `python -m simulator.demo` be the command."""

import sys

from simulator.demo.command import main

sys.exit(main(sys.argv[1:]))
