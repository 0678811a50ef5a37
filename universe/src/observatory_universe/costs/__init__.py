"""Cost & Optimization: what the providers charge."""
