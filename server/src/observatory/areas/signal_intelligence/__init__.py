"""Signals: generation, delivery and outcome."""
