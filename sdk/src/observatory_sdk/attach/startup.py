"""What a process does first when `observatory-attach` started it, and so does each Python process that it starts."""

from __future__ import annotations

import os
import sys

from observatory_sdk.attach import attach, settings
from observatory_sdk.errors import ConfigurationError
from observatory_sdk.guard import LOSSES


def start() -> None:
    """Attach as the environment says. Whatever goes wrong, the host starts."""
    try:
        found = settings.read(os.environ)
        attach(
            found.bindings,
            endpoint=found.endpoint,
            token=found.token,
            environment=found.environment,
            service_name=found.service_name,
            version=found.version,
        )
    except ConfigurationError as error:
        sys.stderr.write(f"observatory: not attached: {error}\n")
    except Exception as error:
        LOSSES.count("attach", repr(error))
