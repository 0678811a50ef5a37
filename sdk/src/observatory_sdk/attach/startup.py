"""What a process does when the platform is about to be imported in it, if `observatory-attach` started it."""

from __future__ import annotations

import logging
import os
import sys

from observatory_sdk.attach import attach, leaving, settings
from observatory_sdk.errors import ConfigurationError
from observatory_sdk.guard import LOSSES

_LOGGERS = ("observatory_sdk", "opentelemetry")


def start() -> None:
    """Attach as the environment says. Whatever goes wrong, the host starts."""
    try:
        _be_quiet()
        found = settings.read(os.environ)
        attach(
            found.bindings,
            endpoint=found.endpoint,
            token=found.token,
            environment=found.environment,
            service_name=found.service_name,
            version=found.version,
            sample_ratio=found.sample_ratio,
        )
        leaving.send_when_terminated()
        # A call that is wrapped stands on the stack twice: a recursion of the host goes as deep as it did.
        sys.setrecursionlimit(2 * sys.getrecursionlimit())
    except ConfigurationError as error:
        if sys.stderr is not None:
            sys.stderr.write(f"observatory: not attached: {error}\n")
    except Exception as error:
        LOSSES.count("attach", repr(error))


def _be_quiet() -> None:
    """Python prints warnings of a program that set up no logging on its standard error, where they would be ours."""
    for name in _LOGGERS:
        logging.getLogger(name).addHandler(logging.NullHandler())
