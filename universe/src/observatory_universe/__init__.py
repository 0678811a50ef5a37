"""The demo universe: the 65 services at work."""
