"""What the SDK may raise.

SdkError
├── ConfigurationError   by `configure`, always: a bad argument stops the start
├── FactError            by facts, in strict mode only: a value its declaration does not allow
└── DeliveryError        by `collect` and `flush` under a held clock only: something could not be sent
"""

from __future__ import annotations


class SdkError(Exception):
    """Anything the SDK raises by itself."""


class ConfigurationError(SdkError, ValueError):
    """An argument of `configure` that cannot work; names the argument, its value and what is allowed."""


class FactError(SdkError, ValueError):
    """A value that the declaration of its attribute does not allow."""


class DeliveryError(SdkError):
    """Telemetry of a held clock that could not be sent; names the address, what was tried and the last answer."""
