"""Strategy runs, marketplace, submissions and tests."""
