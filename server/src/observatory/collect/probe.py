"""What the probes of the platform's own routes share.

A probe that finds its route down has done its work: that is a measurement, and the attempt succeeded.
"""

from __future__ import annotations

import ssl
from typing import Final

UP: Final = "observatory.probe.up"
# No answer in time is a measurement, so a probe gives up just before the attempt is ended from outside.
OWN_SHARE: Final = 0.95


def milliseconds(seconds: float) -> int:
    """As the Collector's probes have it: whole."""
    return round(seconds * 1_000)


def code(error: OSError) -> str:
    """Why there is no connection, in one word of the Collector's."""
    match error:
        case ConnectionRefusedError():
            return "connection_refused"
        case TimeoutError():
            return "connection_timeout"
        case ssl.SSLError():
            return "no_tls"
    return "unknown_error"
