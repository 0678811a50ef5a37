"""Market Data & Analysis: prices in, a market view out."""
