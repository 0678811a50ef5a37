"""What exchanges are asked and what they tell: calls and orders through ccxt, feeds over WebSocket connections.

Each module with a `switch_on` patches classes of one library, and gives back what undoes it. What stands in headers and
messages of the venues is data: `rate_limits.yaml` and `feeds.yaml`.
"""
