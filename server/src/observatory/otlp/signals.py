"""The three signals, and what each is called on the wire."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from importlib import resources


class Signal(StrEnum):
    """A kind of telemetry."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"

    @property
    def path(self) -> str:
        """The path of OTLP/HTTP."""
        return f"/v1/{self.value}"

    @property
    def message(self) -> str:
        """The name of the root message in the schema text."""
        return self.value.capitalize()

    @property
    def items(self) -> str:
        """What one row of it is called."""
        return {"traces": "spans", "logs": "log records", "metrics": "data points"}[self.value]


@cache
def schema(signal: Signal) -> str:
    """The protobuf schema with which the store reads a request of `signal`."""
    folder = resources.files("observatory.otlp") / "schema"
    return "\n".join((folder / f"{name}.proto").read_text(encoding="utf-8") for name in ("common", signal.value))
