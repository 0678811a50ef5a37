"""`observatory backup` and `observatory restore`."""
