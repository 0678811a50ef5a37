"""Orders: execution, slippage and unknown states."""
