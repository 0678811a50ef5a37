"""The world outside the platform, as its clients see it: exchanges and model providers.

Here both the client and the far end live in one process, and latencies and answers are drawn. What the services call
stays the same when real sockets stand behind it.
"""
