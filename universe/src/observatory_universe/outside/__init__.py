"""The world outside the platform: exchanges, model providers, the bot's and the mail's far ends, browsers, databases.

Each has a core that behaves, on any clock, and a server that speaks the real protocol for it on a loopback port.
"""
