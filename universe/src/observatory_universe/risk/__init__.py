"""Risk & Portfolio Management: how much may be lost, and who says no."""
