"""Activations, breakers, failovers and security."""
