"""A target as its entry in the file declares it: what all kinds share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from observatory.clock import Clock
from observatory.collect.metrics import Metrics
from observatory.collect.secret import Secret
from observatory.collect.starts import Starts

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
Text = Annotated[str, Field(min_length=1, max_length=256)]
Host = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\s@]+$")]
Port = Annotated[int, Field(ge=1, le=65_535)]
AttributeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]{0,127}$")]
MetricName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]{0,127}$")]


@dataclass(frozen=True, slots=True)
class Tools:
    """What a target is read with.

    Attributes:
        clock: the time.
        starts: since when its counters count; kept from one attempt to the next.
        aside: runs what blocks on a thread, as in `await aside(parse, text)`.
    """

    clock: Clock
    starts: Starts
    aside: Callable[..., Awaitable[Any]]


class Entry(BaseModel):
    """A part of the file: nothing unknown in it, no value bent to fit."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Target(Entry, ABC):
    """One thing that is looked at. A kind adds its own fields and says how it is read."""

    KIND: ClassVar[str]
    SENTENCE: ClassVar[str]

    name: Name = Field(description="Its name, unique in the file.")
    kind: str = Field(description="What it is.")
    environment: Text = Field("production", description="`deployment.environment.name` of what it tells.")
    service: Text | None = Field(None, description="`service.name` of what it tells; its own name unless set.")
    interval_s: float = Field(15.0, ge=1, le=86_400, description="Time between two attempts.")
    timeout_s: float | None = Field(
        None, gt=0, le=600, description="Longest time of one attempt; shorter than the interval."
    )
    attributes: dict[AttributeName, Text] = Field(
        {}, max_length=16, description="Further attributes of its resource, such as `observatory.service`."
    )

    @model_validator(mode="after")
    def _shorter_than_the_interval(self) -> Self:
        if self.timeout_s is not None and self.timeout_s >= self.interval_s:
            raise ValueError(f"timeout_s = {self.timeout_s:g} must be shorter than interval_s = {self.interval_s:g}")
        return self

    @property
    def patience_s(self) -> float:
        """The timeout in force."""
        return self.timeout_s if self.timeout_s is not None else min(10.0, self.interval_s * 2 / 3)

    @property
    @abstractmethod
    def address(self) -> tuple[str, int | None]:
        """Where it is: `server.address` and `server.port`."""

    @abstractmethod
    async def read(self, into: Metrics, tools: Tools) -> None:
        """Look once and write down what was seen. What is written before an error is kept.

        Raises:
            Unread: if it, or a part of it, could not be read.
        """

    def resource(self) -> dict[str, str | int]:
        """Where what it tells comes from."""
        host, port = self.address
        named: dict[str, str | int] = {
            "service.name": self.service or self.name,
            "service.instance.id": self.name,
            "deployment.environment.name": self.environment,
            "server.address": host,
            "observatory.collector.kind": self.KIND,
        }
        if port is not None:
            named["server.port"] = port
        return named | self.attributes

    def secrets(self) -> Iterator[Secret]:
        """Every secret it names."""
        for field in type(self).model_fields:
            if isinstance(value := getattr(self, field), Secret):
                yield value


class Tls(Entry):
    """Whether the connection is TLS, and who is trusted. What is not trusted is not talked to."""

    ca_file: Path | None = Field(None, description="Certificates to trust instead of the system's.")
