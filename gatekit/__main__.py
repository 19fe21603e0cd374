"""`python -I -m gatekit` is the console script without looking at the current folder."""

from gatekit.cli import main

main()
