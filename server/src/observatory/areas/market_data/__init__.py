"""Feeds and the exchanges behind them."""
