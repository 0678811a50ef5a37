"""What the feeds show in system-health."""

from __future__ import annotations

from observatory.areas.definition import View

VIEW = View(
    numbers={
        "exchanges_connected": "exchanges_connected",
        "data_staleness_max_ms": "staleness_max",
        "websocket_uptime": "websocket_uptime",
        "messages_5m": "messages",
        "reconnects_5m": "reconnects",
        "sequence_gaps_5m": "sequence_gaps",
        "candles_missing_5m": "candles_missing",
    }
)
