"""What may go wrong in the universe.

Trouble
├── ExchangeError, ModelError, MessagingError, StateError   behind a door (`doors`)
├── ServerError       a server of the outside world did not start or broke (`outside.program`)
├── UniverseError     the universe cannot start, or a part of it has ended by itself (`controller`)
├── RegressionError   a faulty version of a service
└── CallError         a call to a service in another process failed
"""


class Trouble(Exception):
    """Something failed that can fail in a platform's life. Whoever begins a piece of work goes on with the next."""


class RegressionError(Trouble):
    """The new version of a service fails."""


class CallError(Trouble):
    """A call to a service in another process of the platform failed."""
