"""Arithmetic without I/O: intervals, detectors, change points, forecasts. Takes plain values, returns plain values."""
