"""Risk calculations, limits, correlation and stress."""
