"""`python -m observatory_universe`."""

from observatory_universe.cli import main

main()
