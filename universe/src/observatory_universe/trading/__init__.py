"""Trading & Execution: strategies and the orders they place."""
