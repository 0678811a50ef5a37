"""What the SDK may raise.

SdkError
├── ConfigurationError   by `configure`, always: a bad argument stops the start
└── FactError            by facts, in strict mode only: a value its declaration does not allow
"""

from __future__ import annotations


class SdkError(Exception):
    """Anything the SDK raises by itself."""


class ConfigurationError(SdkError, ValueError):
    """An argument of `configure` that cannot work; names the argument, its value and what is allowed."""


class FactError(SdkError, ValueError):
    """A value that the declaration of its attribute does not allow."""
