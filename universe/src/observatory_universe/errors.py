"""What may go wrong in the universe.

Trouble
├── ExchangeError, ModelError, MessagingError, StateError   behind a door (`doors`)
├── RegressionError   a faulty version of a service
└── CallError         a call to a service in another process failed
"""


class Trouble(Exception):
    """Something failed that can fail in a platform's life. Whoever begins a piece of work goes on with the next."""


class RegressionError(Trouble):
    """The new version of a service fails."""


class CallError(Trouble):
    """A call to a service in another process of the platform failed."""
